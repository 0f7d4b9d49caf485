"""The name of an exported file where the user gives none."""

from __future__ import annotations

from pathlib import Path

import pytest

from bus.contract.formats import FORMATS
from sharpstream.cli.exports import _default


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("spz", "ID.spz"),
        ("html", "ID.html"),
        ("glb_mesh", "ID-glb_mesh.glb"),
        ("depth_png", "ID-depth_png.png"),
        ("later", "ID.later"),
    ],
)
def test_a_file_has_the_ending_of_its_format(name: str, file: str) -> None:
    assert _default("ID", name) == Path(file)


def test_no_two_formats_of_a_scene_overwrite_each_other() -> None:
    assert len({_default("ID", name) for name in FORMATS}) == len(FORMATS)
