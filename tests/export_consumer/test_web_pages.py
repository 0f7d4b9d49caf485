"""The page that holds a scene: what is put into it, and what a service without the viewer says.

`tests/web/test_exported_page.py` opens a real one in Chromium.
"""

from __future__ import annotations

import base64
import gzip
import json
import re
import struct
from pathlib import Path

import pytest

from bus.contract.format_catalogue import FACTS
from export_consumer import page_template
from export_consumer.errors import ViewerMissingError
from export_consumer.pool import converting
from export_consumer.settings import ConverterSettings
from export_consumer.worker import convert
from tests.export_consumer.scenes import CAMERA, ply, scene

PAGE = "<!doctype html><script id=frame>@@FRAME@@</script><script id=splat>@@SPLAT@@</script><p>end"
SCENE = scene(12)


@pytest.fixture
def viewer(tmp_path: Path) -> Path:
    path = tmp_path / "viewer.html"
    path.write_text(PAGE)
    return path


def parts(page: bytes) -> tuple[dict[str, float], bytes]:
    frame, splat = re.findall(rb"<script id=\w+>([^<]*)</script>", page)
    return json.loads(frame), base64.b64decode(splat, validate=True)


def count(spz: bytes) -> int:
    magic, version, gaussians = struct.unpack_from("<4sII", gzip.decompress(spz))
    assert (magic, version) == (b"NGSP", 3)
    return int(gaussians)


def test_the_page_holds_the_camera_and_the_splat(viewer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(page_template.VARIABLE, str(viewer))
    made = convert("html", {}, ply(SCENE))
    assert (made.media_type, made.suffix) == ("text/html", ".html")
    assert made.data.endswith(b"<p>end")
    frame, splat = parts(made.data)
    assert frame == {"width": CAMERA.width, "height": CAMERA.height, "focal": CAMERA.focal_px}
    assert count(splat) == SCENE.gaussians.size
    fewer = convert("html", {"max_gaussians": 50}, ply(SCENE))
    assert count(parts(fewer.data)[1]) == 50


def test_a_large_scene_is_thinned_unless_more_is_asked_for() -> None:
    (option,) = (each for each in FACTS["html"].options if each.name == "max_gaussians")
    assert (option.default, option.most) == (1_000_000, 2_000_000)


async def test_a_confined_worker_reads_the_viewer(viewer: Path) -> None:
    async with converting(ConverterSettings(workers=1, viewer=viewer)) as converter:
        made = await converter.convert("html", {}, ply(SCENE))
        assert parts(made.data)[0]["focal"] == CAMERA.focal_px


async def test_without_the_viewer_the_error_says_what_to_do() -> None:
    async with converting(ConverterSettings(workers=1)) as converter:
        with pytest.raises(ViewerMissingError, match=r"build the web page .* EXPORT_VIEWER") as caught:
            await converter.convert("html", {}, ply(SCENE))
        assert caught.value.code == "viewer_not_built"


@pytest.mark.parametrize(
    "content", ["", "<p>", "@@FRAME@@", "@@SPLAT@@ @@FRAME@@", "@@FRAME@@ @@FRAME@@ @@SPLAT@@"]
)
def test_a_file_that_is_no_viewer_is_refused(
    viewer: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    viewer.write_text(content)
    monkeypatch.setenv(page_template.VARIABLE, str(viewer))
    with pytest.raises(ViewerMissingError, match="no page that takes a scene"):
        convert("html", {}, ply(SCENE))
    viewer.unlink()
    with pytest.raises(ViewerMissingError, match="cannot be read"):
        convert("html", {}, ply(SCENE))


def test_data_with_markup_never_gets_into_a_page() -> None:
    template = page_template.Template(b"a", b"b", b"c")
    assert template.filled(frame=b"{}", splat=b"AA==") == b"a{}bAA==c"
    for frame, splat in ((b"</script>", b""), (b"", b"<")):
        with pytest.raises(ValueError, match="markup"):
            template.filled(frame=frame, splat=splat)
