from __future__ import annotations

import numpy as np

from inference_consumer.layered import edges
from inference_consumer.layered.geometry import resized
from tests.inference_consumer.layered.stages import COLUMNS, PLATE, ROWS, blurred, plate


def smeared() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    depth, colors = plate()
    smooth = resized(np.log(blurred(depth, 4)), ROWS, COLUMNS)
    return np.log(depth), colors, smooth


def test_a_smeared_step_becomes_one_cell_wide_at_the_photos_edge():
    true, colors, smooth = smeared()
    sharp = edges.aligned(smooth, colors, blur=4)
    between = (sharp > true.min() + 0.1) & (sharp < true.max() - 0.1)
    assert (np.abs(smooth - true) > 0.1).sum() > 900  # the test would notice
    assert not between.any()
    assert (np.abs(sharp - true) > 0.1).sum() < 20  # the plate's corners


def test_the_photo_decides_where_the_network_is_off_by_two_cells():
    true, colors, smooth = smeared()
    sharp = edges.aligned(np.roll(smooth, 2, axis=1), colors, blur=4)
    assert (np.abs(sharp - true) > 0.1).mean() < 0.005


def test_a_step_without_a_change_of_colour_stays_a_step():
    true, colors, smooth = smeared()
    sharp = edges.aligned(smooth, np.full_like(colors, 0.5), blur=4)
    assert not ((sharp > true.min() + 0.1) & (sharp < true.max() - 0.1)).any()
    wrong = np.abs(sharp - true) > 0.1
    wrong[PLATE] = False
    assert wrong.mean() < 0.03


def test_slopes_are_no_steps():
    ground = np.log(1.5 / np.linspace(0.05, 0.5, ROWS, dtype=np.float32))[:, None].repeat(COLUMNS, 1)
    colors = np.random.default_rng(1).random((ROWS, COLUMNS, 3)).astype(np.float32)
    np.testing.assert_array_equal(edges.aligned(ground, colors, blur=4), ground)
