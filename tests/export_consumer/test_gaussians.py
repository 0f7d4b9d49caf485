"""Reading, pruning and rotating Gaussians, before any format."""

from __future__ import annotations

import numpy as np
import pytest

from bus.contract.splat import Camera, camera_comments
from export_consumer import splat
from export_consumer.coordinate_frames import TURNS, UNITS, placed
from export_consumer.errors import SplatCorruptError
from export_consumer.gaussians import pruned
from export_consumer.palette import palette
from tests.export_consumer.scenes import CAMERA, ply, scene


def test_writing_and_reading_round_trip() -> None:
    made, found = scene(), splat.read(ply(scene()))
    assert found.camera == CAMERA
    for ours, theirs in zip(made.gaussians, found.gaussians, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_rotations_are_normalized() -> None:
    made = scene()
    longer = made.gaussians._replace(quaternions=made.gaussians.quaternions * 7)
    found = splat.read(ply(made._replace(gaussians=longer)))
    np.testing.assert_allclose(found.gaussians.quaternions, made.gaussians.quaternions, atol=1e-6)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: b"", "no .ply header"),
        (lambda data: data[:200], "no .ply header"),
        (lambda data: data[:-1], "cut short"),
        (lambda data: data.replace(b"binary_little", b"binary_big"), "no .ply header"),
        (lambda data: data.replace(b"property float opacity\n", b""), "must have"),
        (lambda data: data.replace(b"float opacity", b"uint opacity"), "mixes types"),
        (lambda data: data.replace(b"element vertex ", b"element vertex 99999999999"), "never write"),
        (lambda data: data.replace(b"element vertex ", b"element vertex -"), "never write"),
        (lambda data: data.replace(b"float opacity", b"list opacity"), "never write"),
        (lambda data: data[:-4] + b"\xff\xff\xff\x7f", "not finite"),
        (lambda data: data[:-16] + bytes(16), "length 0"),
    ],
)
def test_a_damaged_file_is_reported(damage, says: str) -> None:
    with pytest.raises(SplatCorruptError, match=says):
        splat.read(damage(ply(scene())))


def test_a_missing_camera_is_estimated_to_see_nearly_all_gaussians() -> None:
    camera = splat.read(splat.write(scene())).camera
    x, y, z = scene().gaussians.positions.T
    half = camera.width / 2
    reach = np.maximum(np.abs(x / z), np.abs(y / z)) * camera.focal_px / half
    assert (reach <= 1).mean() > 0.97
    assert 0.95 < reach.max() < 1.1


def test_an_impossible_camera_is_replaced() -> None:
    data = splat.write(scene(), comments=camera_comments(Camera(-5.0, 640, 480)))
    assert splat.read(data).camera.focal_px > 0


@pytest.mark.parametrize("count", [1, 5, 300, 100_000])
def test_a_palette_approximates_every_value(count: int) -> None:
    values = np.random.default_rng(0).normal(size=(count, 1)).astype(np.float32)
    numbers, found = palette(values)
    assert numbers.shape == values.shape
    assert found.shape == (256,)
    assert (np.diff(found) >= 0).all()
    wrong = np.abs(found[numbers] - values)
    assert (wrong == np.abs(values - found).min(axis=1, keepdims=True)).mean() > 0.99  # the nearest entry
    assert wrong.max() < 0.15  # in the tails too
    assert np.sqrt((wrong**2).mean()) < 0.007  # equal steps: 0.01


def test_pruning_keeps_the_most_important_in_order() -> None:
    g = scene().gaussians
    left = pruned(g, most=100, min_opacity=0)
    indices = [int(np.flatnonzero((g.positions == position).all(axis=1))[0]) for position in left.positions]
    assert len(indices) == 100
    assert indices == sorted(indices)
    scales = np.sort(np.exp(g.log_scales), axis=1)
    importance = g.opacities * scales[:, 1] * scales[:, 2] / g.positions[:, 2] ** 2
    assert set(indices) == set(np.argsort(importance)[-100:])


def test_pruning_drops_low_opacities() -> None:
    g = scene().gaussians
    left = pruned(g, most=None, min_opacity=0.8)
    assert 0 < left.size == (g.opacities >= 0.8).sum() < g.size
    assert pruned(g, most=g.size, min_opacity=0) is g


def matrices(quaternions: np.ndarray) -> np.ndarray:
    """Return rotation matrices (N, 3, 3) of quaternions (N, 4), wxyz."""
    w, x, y, z = quaternions.T.astype(np.float64)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


@pytest.mark.parametrize("up", TURNS)
@pytest.mark.parametrize("unit", UNITS)
def test_positions_and_shapes_turn_together(up: str, unit: str) -> None:
    g = scene(6).gaussians
    there = placed(g, up=up, unit=unit)
    turn = np.array(TURNS[up].matrix, float)
    assert np.linalg.det(turn) == pytest.approx(1)  # a rotation, not a mirroring
    np.testing.assert_allclose(there.positions, g.positions @ turn.T * UNITS[unit], rtol=1e-5)
    shapes = [matrices(each.quaternions) * np.exp(each.log_scales)[:, None] for each in (g, there)]
    before, after = (shape @ shape.transpose(0, 2, 1) for shape in shapes)
    np.testing.assert_allclose(after / UNITS[unit] ** 2, turn @ before @ turn.T, rtol=1e-3, atol=1e-6)
    upwards = np.array({"-y": (0, -1, 0), "y": (0, 1, 0), "z": (0, 0, 1)}[up])
    assert (turn @ [0, -1, 0] == upwards).all()
