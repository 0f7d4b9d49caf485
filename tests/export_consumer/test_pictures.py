"""Pictures and videos: their content, and that other programs can read them."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image, ImageSequence

from export_consumer.worker import convert
from tests.export_consumer import foreign
from tests.export_consumer.foreign import needs_node
from tests.export_consumer.scenes import ply, scene

SCENE: Final = scene(48)
VIDEO: Final[dict[str, Any]] = {"size": 128, "seconds": 1, "fps": 24}


@pytest.fixture(scope="module")
def video() -> bytes:
    return convert("mp4", VIDEO, ply(SCENE)).data


def check_picture(pixels: np.ndarray, within: float) -> None:
    """Check that red grows to the right and green downwards."""
    height, width, _ = pixels.shape
    u, v = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
    middle, found = np.s_[height // 10 : -height // 10, width // 10 : -width // 10], pixels / 255
    assert np.abs(found[..., 0] - (u * 0.8 + 0.1))[middle].mean() < within
    assert np.abs(found[..., 1] - (v * 0.8 + 0.1)[:, None])[middle].mean() < within


@pytest.mark.parametrize("size", [64, 256])
def test_png_shows_the_scene(size: int) -> None:
    picture = Image.open(io.BytesIO(convert("png", {"size": size}, ply(SCENE)).data))
    assert (picture.format, picture.mode, picture.size) == ("PNG", "RGB", (size, size * 3 // 4))
    check_picture(np.asarray(picture), 0.03)


def test_fewer_gaussians_leave_holes() -> None:
    whole, thin = (
        np.asarray(Image.open(io.BytesIO(convert("png", {"size": 64, **fewer}, ply(SCENE)).data)))
        for fewer in ({}, {"max_gaussians": 200, "min_opacity": 0.9})
    )
    assert (thin.max(axis=2) < 16).mean() > (whole.max(axis=2) < 16).mean() + 0.2  # black


def test_an_animated_picture_loops_for_as_long_as_was_asked() -> None:
    options = {"size": 64, "seconds": 1.5, "fps": 7}
    picture = Image.open(io.BytesIO(convert("webp", options, ply(SCENE)).data))
    frames, durations = [], []
    for frame in ImageSequence.Iterator(picture):
        frames.append(np.asarray(frame.convert("RGB")).astype(int))
        durations.append(picture.info["duration"])
    assert (picture.format, picture.size, picture.info["loop"]) == ("WEBP", (64, 48), 0)
    assert len(frames) == round(1.5 * 7)
    assert sum(durations) == round(1000 * len(frames) / 7)
    check_picture(frames[0], 0.04)
    changes = [np.abs(frames[0] - frame).mean() for frame in frames]
    assert max(changes) > 0.2  # the camera moves
    assert changes[-1] < max(changes)  # and comes back


@needs_node
def test_mp4box_finds_one_track_of_the_requested_length(video: bytes, tmp_path: Path) -> None:
    report = foreign.read(tmp_path, {"a.mp4": ("mp4", video)})["a.mp4"].report
    assert (report["tracks"], report["type"], report["handler"]) == (1, "video", "vide")
    assert report["size"] == [128, 96]
    assert report["codec"].startswith("av01.")
    assert report["seconds"] == [1, 1]
    np.testing.assert_allclose(report["shown"], [1 / 24] * 24)
    assert min(report["bytes"]) > 0
    assert report["keys"][0]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg, which nothing here installs")
def test_ffmpeg_decodes_the_video(video: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(video)
    command = ["ffmpeg", "-v", "error", "-i", path, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert done.stderr == b""
    frames = np.frombuffer(done.stdout, np.uint8).reshape(24, 96, 128, 3)
    check_picture(frames[0], 0.04)
    assert np.abs(frames[0].astype(int) - frames[8]).mean() > 0.2  # the camera moves
    assert (
        np.abs(frames[0].astype(int) - frames[-1]).mean() < np.abs(frames[0].astype(int) - frames[12]).mean()
    )
