"""A format's number range is compared with the scene: right, or refused in a sentence, never wrapped or cut.

Class: fixed-point numbers, quantised ranges and cut sizes, at extents from a close-up to a landscape, in
every unit. Members: SPZ's 24-bit positions (wrap, steps) and 8-bit sizes (cut), the chunks of PlayCanvas'
.ply, SOG's 16 bits, .splat and .ksplat. Sources: nianticlabs/spz pull requests 80 and 81; our ``unit``.
"""

from __future__ import annotations

import gzip
from typing import Any

import gaussforge
import numpy as np
import pytest

from bus.contract.splat import FULL_PROPERTIES, PROPERTIES, Camera, camera_comments
from export_consumer import splat
from export_consumer.coordinate_frames import UNITS, placed
from export_consumer.errors import OutOfRangeError
from export_consumer.formats import load
from export_consumer.formats.spz import USUAL_BITS, fractional_bits
from export_consumer.gaussians import Scene
from tests.export_consumer.scenes import CAMERA, scene

KINDS = {"spz": "spz", "splat": "splat", "ksplat": "ksplat", "ply_compressed": "compressed.ply", "sog": "sog"}


def scaled(factor: float) -> Scene:
    """Return the scene as a model of it, so many times as large."""
    made = scene(24)
    g = made.gaussians
    return made._replace(
        gaussians=g._replace(
            positions=g.positions * np.float32(factor), log_scales=g.log_scales + np.float32(np.log(factor))
        )
    )


def written(name: str, made: Scene, **options: Any) -> bytes:
    kind = load(name)
    return kind.write(made, {option.name: option.default for option in kind.options} | options)


def read_back(name: str, data: bytes) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return positions and logarithms of sizes, as gaussforge reads the file."""
    made = gaussforge.GaussForge().convert(data, KINDS[name], "ply")
    assert "error" not in made, made
    head, _, body = bytes(made["data"]).partition(b"end_header\n")
    names = [line.split()[2] for line in head.decode().splitlines() if line.startswith("property float")]
    rows = np.frombuffer(body, "<f4").reshape(-1, len(names))
    columns = {name: rows[:, number] for number, name in enumerate(names)}
    return np.stack([columns[n] for n in "xyz"], 1), np.stack([columns[f"scale_{n}"] for n in range(3)], 1)


def spz_positions(data: bytes) -> tuple[np.ndarray[Any, Any], int]:
    """Read the positions as the format's description says, independently of the writer."""
    content = gzip.decompress(data)
    count, bits = int.from_bytes(content[8:12], "little"), content[13]
    flat = np.frombuffer(content, np.uint8, 9 * count, 16).reshape(count, 3, 3).astype(np.int32)
    numbers = flat[..., 0] | flat[..., 1] << 8 | flat[..., 2] << 16
    return np.where(numbers >= 1 << 23, numbers - (1 << 24), numbers) / 2.0**bits, bits


FACTORS = (1e-4, 1e-2, 1, 100, 1e4, 1e6)


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("name", KINDS)
def test_positions_and_sizes_survive_or_the_export_is_refused(name: str, factor: float, unit: str) -> None:
    made = scaled(factor)
    try:
        data = written(name, made, up="-y", unit=unit)
    except OutOfRangeError:
        assert name == "spz"
        assert factor * UNITS[unit] > 1000
        return
    wanted = placed(made.gaussians, up="-y", unit=unit)
    size = np.exp(np.sort(wanted.log_scales, axis=1)[:, 1])
    # As near as the smallest Gaussians are large, or a two-thousandth of the distance from the origin.
    near = np.maximum(np.quantile(size, 0.01), np.linalg.norm(wanted.positions, axis=1) / 2000)
    if name == "spz":
        assert (np.abs(spz_positions(data)[0] - wanted.positions).max(axis=1) <= near).all()
        return
    found, log_scales = read_back(name, data)
    if name == "ply_compressed":  # it sorts them, so what they span is compared
        for end in (np.min, np.max):
            assert np.abs(end(found, axis=0) - end(wanted.positions, axis=0)).max() <= 2 * near.max()
    else:
        assert (np.abs(found - wanted.positions).max(axis=1) <= near).all()
    assert abs(log_scales.max() - wanted.log_scales.max()) < 0.1


def test_a_usual_scene_is_written_with_the_usual_bits() -> None:
    assert fractional_bits(scaled(1).gaussians) == USUAL_BITS


@pytest.mark.parametrize(("factor", "unit"), [(1, "mm"), (0.01, "m"), (2000, "m"), (1e-4, "in")])
def test_other_bits_keep_everything_but_the_positions(factor: float, unit: str) -> None:
    made = scaled(factor)
    data = written("spz", made, up="-y", unit=unit)
    _, bits = spz_positions(data)
    assert bits != USUAL_BITS
    usual = gzip.decompress(written("spz", scaled(1), up="-y", unit="m"))
    content, count = gzip.decompress(data), made.gaussians.size
    assert len(content) == len(usual)
    after = 16 + 9 * count
    assert content[after : after + 4 * count] == usual[after : after + 4 * count]  # opacity and colour
    assert content[after + 7 * count :] == usual[after + 7 * count :]  # rotations


@pytest.mark.parametrize("broken", [1e-30, 1e7])
def test_a_scene_beyond_24_bits_is_refused(broken: float) -> None:
    g = scene(24).gaussians
    spread = g._replace(positions=g.positions.copy(), log_scales=g.log_scales - np.float32(9))
    spread.positions[0] = 1e7 if broken > 1 else broken
    if broken < 1:
        assert fractional_bits(spread) <= 23
        return
    with pytest.raises(OutOfRangeError):
        fractional_bits(spread)


def test_sizes_that_spz_would_cut_are_refused() -> None:
    g = scene(24).gaussians
    g.log_scales[0] = 6.5
    with pytest.raises(OutOfRangeError, match="larger"):
        written("spz", Scene(g, CAMERA), up="-y", unit="m")


def test_the_full_layout_has_what_old_importers_compute_with() -> None:
    made = scene(24)
    data = written("ply", made, layout="full")
    head, _, body = data.partition(b"end_header\n")
    names = [line.split()[2] for line in head.decode().splitlines() if line.startswith("property float")]
    assert names == list(FULL_PROPERTIES)
    assert names[:6] == ["x", "y", "z", "nx", "ny", "nz"]
    assert [name for name in names if name.startswith("f_rest")] == [f"f_rest_{n}" for n in range(45)]
    rows = np.frombuffer(body, "<f4").reshape(-1, 62)
    assert rows.itemsize * rows.shape[1] == 248
    plain = np.frombuffer(written("ply", made).partition(b"end_header\n")[2], "<f4").reshape(-1, 14)
    assert (rows[:, [names.index(name) for name in PROPERTIES]] == plain).all()
    rest = [n for n, name in enumerate(names) if name not in PROPERTIES]
    assert not rows[:, rest].any()
    assert b"comment camera" in head


@pytest.mark.parametrize(
    ("camera", "kept"),
    [
        (Camera(80.0, 128, 96), True),
        (Camera(100_000.0, 120_000, 16), True),  # a side of more than 100,000 pixels
        (Camera(1.1e10, 128, 96), False),
        (Camera(2.2e-5, 128, 96), False),
        (Camera(float("nan"), 128, 96), False),
        (Camera(float("inf"), 128, 96), False),
        (Camera(-80.0, 128, 96), False),
    ],
)
def test_a_camera_that_no_lens_has_is_guessed_with_the_photos_sides(camera: Camera, kept: bool) -> None:
    made = scene(24)
    found = splat.read(splat.write(made, comments=camera_comments(camera))).camera
    assert (found == camera) is kept
    assert (found.width, found.height) == (camera.width, camera.height)
    if not kept:
        assert found.focal_px == pytest.approx(CAMERA.focal_px, rel=0.1)


@pytest.mark.parametrize("sides", ["0 96", "128 0", "-1 96", "1000000000 96", "x 96", "128"])
def test_sides_that_no_photo_has_give_a_square_camera(sides: str) -> None:
    made = scene(24)
    found = splat.read(splat.write(made, comments=("color_space srgb", f"camera 80 {sides}"))).camera
    assert (found.width, found.height) == (768, 768)
