"""Depth maps: a wall at a known distance has that depth, in files that other libraries read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest

from bus.contract.options import OptionsError
from export_consumer.errors import NothingLeftError
from export_consumer.worker import convert
from tests.export_consumer import foreign
from tests.export_consumer.foreign import needs_node
from tests.export_consumer.scenes import CAMERA, ply, wall

SIZE = 128
WIDTH, HEIGHT = CAMERA.fitted(SIZE)[1:]
HALF = WIDTH // 2
NEAR, FAR = 1.5, 4.0


def step_of_walls() -> bytes:
    """On the left nothing, on the right a wall; its lower half is nearer."""
    upper = wall(FAR, left=0.0, bottom=0.0)
    lower = wall(NEAR, left=0.0, top=0.0)
    return ply(upper._replace(gaussians=joined(upper.gaussians, lower.gaussians)))


def joined(one: Any, other: Any) -> Any:
    return type(one)(*map(np.concatenate, zip(one, other, strict=True)))


def read_png(data: bytes) -> tuple[np.ndarray, dict[str, str], int]:
    reader = png.Reader(bytes=data)
    text = {}
    for kind, content in reader.chunks():
        if kind == b"tEXt":
            key, _, value = content.partition(b"\0")
            text[key.decode("latin1")] = value.decode("latin1")
    _, _, rows, info = png.Reader(bytes=data).read()
    assert info["greyscale"]
    return np.vstack([np.array(row) for row in rows]), text, info["bitdepth"]


def check_walls(depth: np.ndarray, unit: float, nothing: float, within: float) -> None:
    """Check the three parts away from their edges, which are soft."""
    edge = 6
    assert depth.shape == (HEIGHT, WIDTH)
    assert (depth[:, : HALF - edge] == nothing).all()
    right = slice(HALF + edge, WIDTH - edge)
    np.testing.assert_allclose(depth[edge : HEIGHT // 2 - edge, right], FAR * unit, atol=within)
    np.testing.assert_allclose(depth[HEIGHT // 2 + edge : -edge, right], NEAR * unit, atol=within)


def test_a_png_has_millimetres_and_zero_where_nothing_is() -> None:
    made = convert("depth_png", {"size": SIZE}, step_of_walls())
    depth, text, bits = read_png(made.data)
    assert (bits, made.media_type, made.suffix) == (16, "image/png", ".png")
    check_walls(depth, 1000, 0, 1)
    assert text["depth_metres_per_step"] == "0.001"
    assert "1 step is 1 mm; 0: nothing" in text["Description"]
    assert f"focal length {CAMERA.fitted(SIZE).focal_px:g} px" in text["camera"]


def test_a_png_states_another_step() -> None:
    depth, text, _ = read_png(convert("depth_png", {"size": SIZE, "step": 10}, step_of_walls()).data)
    check_walls(depth, 100, 0, 1)
    assert text["depth_metres_per_step"] == "0.01"


def test_what_is_too_far_for_a_png_has_its_last_number() -> None:
    depth, _, _ = read_png(convert("depth_png", {"size": 64, "step": 0.1}, ply(wall(20.0))).data)
    assert set(np.unique(depth)) == {65_535}


@needs_node
def test_an_exr_has_metres(tmp_path: Path) -> None:
    made = convert("depth_exr", {"size": SIZE}, step_of_walls())
    assert (made.media_type, made.suffix) == ("image/x-exr", ".exr")
    found = foreign.read(tmp_path, {"a.exr": ("exr", made.data)})["a.exr"]
    assert found.report["size"] == [WIDTH, HEIGHT]
    assert found.report["names"] == ["A", "Z"]
    assert found.report["compression"] == "ZIP_COMPRESSION"
    assert "metres along the camera's axis" in found.report["comments"]
    depth = found.arrays["depth"].reshape(HEIGHT, WIDTH)[::-1]  # textures begin below
    check_walls(depth, 1, 0, 1e-6)


@pytest.mark.parametrize("name", ["depth_png", "depth_exr"])
def test_a_scene_behind_the_camera_has_no_depth(name: str) -> None:
    with pytest.raises(NothingLeftError):
        convert(name, {"size": 64}, ply(wall(-3.0)))


@pytest.mark.parametrize("options", [{"step": 0}, {"step": 101}, {"size": 5000}, {"step": "mm"}])
def test_options_have_limits(options: dict[str, Any]) -> None:
    with pytest.raises(OptionsError):
        convert("depth_png", options, ply(wall(2.0)))
