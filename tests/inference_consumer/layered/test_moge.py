from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bus.runtime.errors import ConfigurationError
from inference_consumer.errors import NoGeometryError
from inference_consumer.layered import runtime
from inference_consumer.layered.geometry import Geometry, Picture
from inference_consumer.layered.moge import PATCH, TOKENS, Moge, outputs_of
from tests.inference_consumer.layered import onnx_files
from tests.inference_consumer.layered.onnx_files import Plane

FINITE = (90, 120, 255)
"""The colour of what the tiny network calls finite; its mask is the blue channel."""


def network(path: Path) -> Moge:
    session = runtime.session(str(path), device="cpu", threads=1)
    return Moge(session, name="moge2-s", sha256="ab" * 32)


def picture(width: int, height: int, focal: float | None = None, color: Any = FINITE) -> Picture:
    return Picture(pixels=np.broadcast_to(np.uint8(color), (height, width, 3)), focal=focal)


def geometry(answer: Geometry | Exception) -> Geometry:
    assert isinstance(answer, Geometry), answer
    return answer


@pytest.mark.parametrize(("width", "height"), [(56, 56), (112, 42), (42, 112), (98, 70), (560, 420)])
@pytest.mark.parametrize("focal", [0.45, 0.8, 2.0])
def test_a_tilted_plane_of_unknown_focal_length(
    tmp_path: Path, width: int, height: int, focal: float
) -> None:
    plane = Plane(focal=focal)
    moge = network(onnx_files.moge(tmp_path / "m.onnx", plane))
    (answer,) = moge.run([picture(width, height)])
    seen = geometry(answer)
    assert seen.focal == pytest.approx(focal, rel=1e-3)
    assert seen.depth.shape == (height, width)
    np.testing.assert_allclose(seen.depth, plane.depth(width, height), rtol=1e-3)
    assert seen.known.all()
    assert not seen.sky.any()
    assert seen.normals is not None
    np.testing.assert_allclose(seen.normals[3, 5], plane.normal, atol=1e-5)


@pytest.mark.parametrize(("width", "height"), [(56, 56), (112, 42), (42, 112)])
def test_a_known_focal_length_is_kept_and_the_shift_found(tmp_path: Path, width: int, height: int) -> None:
    plane = Plane(focal=0.7)
    moge = network(onnx_files.moge(tmp_path / "m.onnx", plane))
    (answer,) = moge.run([picture(width, height, focal=0.7)])
    seen = geometry(answer)
    assert seen.focal == 0.7
    np.testing.assert_allclose(seen.depth, plane.depth(width, height), rtol=1e-4)


def test_a_wrong_known_focal_length_still_gives_the_shift_of_the_least_error(tmp_path: Path) -> None:
    """By brute force over shifts: nothing reprojects better."""
    plane = Plane(focal=0.7)
    moge = network(onnx_files.moge(tmp_path / "m.onnx", plane))
    (answer,) = moge.run([picture(64, 64, focal=0.9)])
    depth = geometry(answer).depth / plane.scale
    true = plane.depth(64, 64) / plane.scale
    u = (np.arange(64) + 0.5 - 32) / np.hypot(64, 64)

    def error(shift: float) -> float:
        x, y = true * u / 0.7, true * u[:, None] / 0.7
        z = true + shift
        return float(((0.9 * x / z - u) ** 2 + (0.9 * y / z - u[:, None]) ** 2).sum())

    found = float(np.mean(depth - true))
    shifts = np.linspace(-0.5, 3, 3501)
    assert found == pytest.approx(float(shifts[np.argmin([error(each) for each in shifts])]), abs=2e-3)


def test_a_wall_seen_from_straight_ahead_has_a_focal_length_that_is_believed(tmp_path: Path) -> None:
    """Shift and focal length are one unknown there; the depth is positive and the reprojection right."""
    plane = Plane(normal=(0.0, 0.0, -1.0))
    moge = network(onnx_files.moge(tmp_path / "m.onnx", plane))
    (answer,) = moge.run([picture(70, 56)])
    seen = geometry(answer)
    assert 0.3 <= seen.focal <= 6
    assert (seen.depth > 0).all()
    # focal / depth is what a wall shows.
    np.testing.assert_allclose(seen.depth / seen.focal, plane.depth(70, 56) / plane.focal, rtol=1e-3)


def test_what_is_outside_the_mask_is_sky_and_counts_for_nothing(tmp_path: Path) -> None:
    plane = Plane()
    moge = network(onnx_files.moge(tmp_path / "m.onnx", plane))
    pixels = np.empty((60, 80, 3), np.uint8)
    pixels[:] = FINITE
    pixels[:20] = 0
    (answer,) = moge.run([Picture(pixels=pixels, focal=None)])
    seen = geometry(answer)
    assert seen.sky[:20].all()
    assert seen.known[20:].all()
    np.testing.assert_array_equal(seen.known, ~seen.sky)
    np.testing.assert_allclose(seen.depth[20:], plane.depth(80, 60)[20:], rtol=1e-3)


def test_a_picture_of_sky_alone_fails_alone(tmp_path: Path) -> None:
    moge = network(onnx_files.moge(tmp_path / "m.onnx"))
    answers = moge.run([picture(56, 56), picture(56, 56, color=0), picture(56, 56)])
    assert [type(answer) for answer in answers] == [Geometry, NoGeometryError, Geometry]


def test_pictures_of_several_sizes_keep_their_order(tmp_path: Path) -> None:
    moge = network(onnx_files.moge(tmp_path / "m.onnx"))
    answers = moge.run([picture(56, 42), picture(42, 56), picture(56, 42, focal=0.8)])
    assert [geometry(each).depth.shape for each in answers] == [(42, 56), (56, 42), (42, 56)]


@pytest.mark.parametrize(
    ("names", "normals"),
    [
        (("points", "normal", "mask", "metric_scale"), True),
        (("a", "b", "c", "d"), True),
        (("points", "mask", "scale"), False),
        (("a", "b", "c"), False),
    ],
)
def test_outputs_are_found_by_name_or_position(tmp_path: Path, names: Any, normals: bool) -> None:
    moge = network(onnx_files.moge(tmp_path / "m.onnx", names=names, normals=normals))
    (answer,) = moge.run([picture(56, 56)])
    seen = geometry(answer)
    assert (seen.normals is not None) == normals
    np.testing.assert_allclose(seen.depth, Plane().depth(56, 56), rtol=1e-3)


def test_names_go_before_positions() -> None:
    swapped = ["scale", "mask", "normal", "points"]
    assert outputs_of(swapped) == {"points": "points", "normal": "normal", "mask": "mask", "scale": "scale"}
    assert outputs_of(["points", "normal", "mask", "x"]) == {
        "points": "points", "normal": "normal", "mask": "mask", "scale": "x",
    }  # fmt: skip
    assert outputs_of(["mask", "a", "b", "c"]) is None  # position and name contradict each other
    assert outputs_of(["points", "mask"]) is None


def test_a_file_with_other_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="has not the inputs and outputs of MoGe-2"):
        network(onnx_files.moge(tmp_path / "m.onnx", names=("mask", "a", "b", "c")))


@pytest.mark.parametrize(("width", "height"), [(4000, 3000), (300, 400), (6000, 500), (1, 1)])
def test_the_size_has_the_aspect_and_the_tokens(tmp_path: Path, width: int, height: int) -> None:
    across, down = network(onnx_files.moge(tmp_path / "m.onnx")).size_for(width, height)
    assert (across % PATCH, down % PATCH) == (0, 0)
    assert across * down / PATCH**2 == pytest.approx(TOKENS["cpu"], rel=0.05)
    assert across / down == pytest.approx(width / height, rel=0.05)


def test_what_the_network_is(tmp_path: Path) -> None:
    info = network(onnx_files.moge(tmp_path / "m.onnx")).info
    assert (info.name, info.device, info.max_batch, info.warm_up) == ("moge2-s", "cpu", 1, False)
    assert "MIT" in info.licence
    assert "Apache-2.0" in info.licence
