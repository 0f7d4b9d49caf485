"""Stereo pairs: what is Z metres away is seen f * B / Z pixels apart, in files that other programs open."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from bus.contract.options import OptionsError
from export_consumer.worker import convert
from tests.export_consumer.scenes import CAMERA, ply, spots_at, wall

SIZE = 256
FOCAL, WIDTH, HEIGHT = CAMERA.fitted(SIZE)
RED, GREEN = 1.5, 4.0
"""How many metres away the spots of these colours are."""


def spots() -> bytes:
    return ply(spots_at([(0.1, -0.2, RED), (-0.3, 0.3, GREEN)], [(1, 0, 0), (0, 1, 0)]))


def halves(**options: Any) -> tuple[np.ndarray, np.ndarray]:
    """What stands on the left and on the right of the picture."""
    made = convert("stereo_jpeg", {"size": SIZE, **options}, spots())
    assert (made.media_type, made.suffix) == ("image/jpeg", ".jpg")
    picture = pixels(Image.open(io.BytesIO(made.data)))
    assert picture.shape == (HEIGHT, 2 * WIDTH, 3)
    return picture[:, :WIDTH], picture[:, WIDTH:]


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB"), float)


def middle(picture: np.ndarray, channel: int) -> np.ndarray:
    """The column and the row in the middle of the spot of that colour."""
    weight = np.where(picture[..., channel] > 16, picture[..., channel], 0)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.array([(columns * weight).sum(), (rows * weight).sum()]) / weight.sum()


def check_parallax(left: np.ndarray, right: np.ndarray, *, baseline: float, nearer: float = 0) -> None:
    """Check how far apart the eyes see both spots; ``nearer``: 1 / metres to the plane of the screen."""
    for channel, depth in enumerate((RED, GREEN)):
        across, down = middle(left, channel) - middle(right, channel)
        assert across == pytest.approx(FOCAL * baseline * (1 / depth - nearer), abs=0.15)
        assert down == pytest.approx(0, abs=0.15)


@pytest.mark.parametrize("millimetres", [63, 126])
def test_parallel_eyes_see_things_apart_by_their_distance(millimetres: int) -> None:
    check_parallax(*halves(eye_distance=millimetres), baseline=millimetres / 1000)


@pytest.mark.parametrize("convergence", [RED, GREEN, 1.0])
def test_what_is_at_the_convergence_lies_in_the_screen(convergence: float) -> None:
    check_parallax(*halves(convergence=convergence), baseline=0.063, nearer=1 / convergence)


def test_crossed_eyes_get_the_pictures_the_other_way() -> None:
    first, second = halves(order="crossed")
    check_parallax(second, first, baseline=0.063)


def test_the_file_says_how_it_is_to_be_seen() -> None:
    made = convert("stereo_jpeg", {"size": 64, "convergence": 2}, ply(wall(2.0)))
    comment = Image.open(io.BytesIO(made.data)).info["comment"].decode()
    assert "left eye's picture is on the left; eyes 63 mm apart, screen plane at 2 m" in comment


@pytest.fixture(scope="module")
def mpo() -> bytes:
    made = convert("stereo_mpo", {"size": SIZE}, spots())
    assert (made.media_type, made.suffix) == ("image/mpo", ".mpo")
    return made.data


def test_pillow_opens_both_pictures_of_an_mpo(mpo: bytes) -> None:
    picture = Image.open(io.BytesIO(mpo))
    assert (picture.format, picture.n_frames, picture.size) == ("MPO", 2, (WIDTH, HEIGHT))
    views = []
    for number in range(2):
        picture.seek(number)
        views.append(pixels(picture))
    check_parallax(*views, baseline=0.063)
    first, second = picture.mpinfo[0xB002]
    for entry in (first, second):
        assert entry["Attribute"]["MPType"] == "Multi-Frame Image: (Disparity)"
    assert first["Attribute"]["RepresentativeImageFlag"]
    assert (first["DataOffset"], first["Size"] + second["Size"]) == (0, len(mpo))


def test_readers_that_know_no_pairs_show_the_left_eye(mpo: bytes) -> None:
    left, _ = halves()
    one = simplejpeg.decode_jpeg(mpo).astype(float)
    np.testing.assert_allclose(middle(one, 0), middle(left, 0), atol=0.1)


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool: libimage-exiftool-perl")
def test_exiftool_reads_the_index_and_takes_the_second_picture_out(mpo: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.mpo"
    path.write_bytes(mpo)
    (found,) = json.loads(run("exiftool", "-j", "-a", "-G1", path))
    said = {key.partition(":")[2]: value for key, value in found.items()}
    assert said["NumberOfImages"] == 2
    assert said["MPImageType"] == "Multi-frame Disparity"
    assert said["BaseViewpointNum"] == 1
    assert not [key for key in said if key in {"Warning", "Error"}]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow looks for an index, which the first picture alone has
        second = Image.open(io.BytesIO(run("exiftool", "-b", "-MPImage2", path)))
    assert (second.format, second.size) == ("JPEG", (WIDTH, HEIGHT))
    assert b"Right eye" in second.info["comment"]


def run(*command: Any) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


@pytest.mark.parametrize("options", [{"eye_distance": 0}, {"eye_distance": 501}, {"convergence": 0.05}])
@pytest.mark.parametrize("name", ["stereo_jpeg", "stereo_mpo"])
def test_options_have_limits(name: str, options: dict[str, float]) -> None:
    with pytest.raises(OptionsError):
        convert(name, options, ply(wall(2.0)))
