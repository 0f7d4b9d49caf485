from __future__ import annotations

import numpy as np
import pytest

from inference_consumer.layered import background
from tests.inference_consumer.layered.stages import BLUE, COLUMNS, FAR_M, NEAR_M, PLATE, ROWS, plate

FOCAL_CELLS = 100.0
NO_SKY = np.zeros((ROWS, COLUMNS), bool)


def test_the_layer_lies_behind_the_front_as_wide_as_the_motion_reveals():
    depth, colors = plate()
    layer = background.hidden(np.log(depth), colors, FOCAL_CELLS, NO_SKY)
    wide = round(FOCAL_CELLS * background.MOTION_M * (1 / NEAR_M - 1 / FAR_M))
    assert wide == 12
    middle = layer.there[60, 60:100]
    assert middle[:wide].all()
    assert middle[-wide:].all()
    assert not middle[wide + 3 : -wide - 3].any()
    outside = layer.there.copy()
    outside[PLATE] = False
    assert not outside.any()


def test_its_depth_and_colour_are_the_backgrounds():
    depth, colors = plate()
    layer = background.hidden(np.log(depth), colors, FOCAL_CELLS, NO_SKY)
    np.testing.assert_allclose(np.exp(layer.log_depth[layer.there]), FAR_M, rtol=0.03)
    np.testing.assert_allclose(layer.colors[layer.there], np.tile(BLUE, (layer.there.sum(), 1)), atol=0.1)


def test_a_slanted_background_goes_on_in_its_plane():
    depth, colors = plate()
    floor = 1.2 / np.linspace(0.1, 0.5, ROWS, dtype=np.float32)[:, None].repeat(COLUMNS, 1)
    depth = np.where(depth == NEAR_M, 1.5, floor)
    layer = background.hidden(np.log(depth).astype(np.float32), colors, FOCAL_CELLS, NO_SKY)
    assert layer.there.sum() > 200
    np.testing.assert_allclose(layer.log_depth[layer.there], np.log(floor[layer.there]), atol=0.12)


@pytest.mark.parametrize("tilt", [-0.004, 0.004])
def test_the_slope_of_the_front_does_not_bend_the_background(tilt):
    _, colors = plate()
    row, column = np.mgrid[:ROWS, :COLUMNS].astype(np.float32)
    wall = 1 / (0.25 + 0.0006 * (column - COLUMNS / 2))  # its disparity grows to the right...
    front = 1 / (0.8 + tilt * (column - COLUMNS / 2) - tilt * (row - ROWS / 2))  # ...the front's as it likes
    depth = wall.copy()
    depth[PLATE] = front[PLATE]
    layer = background.hidden(np.log(depth).astype(np.float32), colors, FOCAL_CELLS, NO_SKY)
    assert layer.there.sum() > 500
    off = layer.log_depth[layer.there] - background.RECESS - np.log(wall[layer.there])
    assert np.abs(off).max() < 0.03


def test_a_thing_before_another_finds_its_own_background():
    depth, colors = plate()
    depth[:, :20] = 9.0  # a window far behind the wall, away from the plate
    colors[:, :20] = (0, 1, 0)
    layer = background.hidden(np.log(depth), colors, FOCAL_CELLS, NO_SKY)
    on_plate = np.zeros_like(layer.there)
    on_plate[PLATE] = layer.there[PLATE]
    np.testing.assert_allclose(np.exp(layer.log_depth[on_plate]), FAR_M, rtol=0.05)
    beside_window = layer.there[:, 20:24]
    assert beside_window.mean() > 0.9
    assert np.exp(layer.log_depth[:, 20:23][layer.there[:, 20:23]]).mean() > 7


def test_sky_goes_on_as_sky():
    depth, colors = plate()
    sky = depth == FAR_M
    depth[sky] = 100
    layer = background.hidden(np.log(depth), colors, FOCAL_CELLS, sky)
    np.testing.assert_allclose(np.exp(layer.log_depth[layer.there]), 100, rtol=0.03)


@pytest.mark.parametrize("shape", [(2, 2), (3, 401), (97, 65)])
def test_flat_pictures_of_any_shape_have_no_second_layer(shape):
    layer = background.hidden(
        np.ones(shape, np.float32), np.zeros((*shape, 3), np.float32), 50.0, np.zeros(shape, bool)
    )
    assert not layer.there.any()
