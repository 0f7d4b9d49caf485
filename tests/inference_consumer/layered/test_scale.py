from __future__ import annotations

import math

import numpy as np
import pytest

from inference_consumer.layered import scale
from tests.inference_consumer.layered.stages import FOCAL, geometry


def ground(height: float, pitch: float = 0.1, rows: int = 96, columns: int = 128) -> np.ndarray:
    """Return the depth of level ground below a camera that looks down by ``pitch``; a wall at 20 m above."""
    focal = FOCAL * math.hypot(rows, columns)
    y = (np.arange(rows) + 0.5 - rows / 2) / focal
    down = y * math.cos(pitch) + math.sin(pitch)
    depth = np.where(down > height / 20, height / np.maximum(down, 1e-6), 20)
    return depth.astype(np.float32)[:, None].repeat(columns, 1)


@pytest.mark.parametrize("pitch", [-0.05, 0.1, 0.4])
@pytest.mark.parametrize("height", [0.6, 1.5, 3.0])
def test_the_height_above_the_ground_is_found(height, pitch):
    assert scale.height_above_ground(geometry(ground(height, pitch))) == pytest.approx(
        height, rel=0.13
    )  # the foot of the wall counts, too


def test_a_wall_is_no_ground():
    assert scale.height_above_ground(geometry(np.full((96, 128), 3, np.float32))) is None


def test_the_scale_moves_towards_eye_height_and_becomes_surer():
    seen = geometry(ground(2.2), scale_spread=0.5)
    made = scale.weighed(seen)
    factor = float((made.depth / seen.depth).mean())
    assert 1.5 / 2.2 < factor < 0.95
    assert made.scale_spread < 0.45


def test_a_table_hardly_moves_it():
    seen = geometry(ground(0.25), scale_spread=0.4)
    factor = float((scale.weighed(seen).depth / seen.depth).mean())
    assert factor < 1.5  # eye height would be 6 times as much


def test_a_metric_network_is_left_alone():
    seen = geometry(ground(2.2), scale_spread=None)
    assert scale.weighed(seen) is seen
