from __future__ import annotations

import math

import numpy as np
import pytest
import skimage.data
from PIL import Image

from bus.contract.splat import Camera
from inference_consumer.layered import blending, scene
from tests.inference_consumer.layered.stages import (
    COLUMNS,
    FOCAL,
    PLATE,
    ROWS,
    blurred,
    geometry,
    plate,
    psnr,
    render,
)

SIZE = Camera(focal_px=FOCAL * math.hypot(3 * COLUMNS, 3 * ROWS), width=3 * COLUMNS, height=3 * ROWS)


def pixels() -> np.ndarray:
    _depth, colors = plate()
    return (np.repeat(np.repeat(colors, 3, 0), 3, 1) * 255).astype(np.uint8)


def built(**changes: object):
    depth, _colors = plate()
    return scene.build(scene.grid(pixels(), most=4 * ROWS * COLUMNS), geometry(blurred(depth, 4), **changes))


@pytest.mark.parametrize("size", [(4000, 3000), (3000, 4000), (6000, 900), (64, 64), (900, 60)])
def test_the_grid_keeps_the_photos_aspect_and_the_bounds(size):
    width, height = size
    cells = scene.grid(np.zeros((height, width, 3), np.uint8))
    rows, columns = cells.colors.shape[:2]
    assert rows * columns <= scene.FRONT * 1.01
    assert columns / rows == pytest.approx(width / height, rel=0.03)
    assert columns <= scene.ENLARGED * width


def test_from_the_photos_viewpoint_the_scene_is_the_photo_without_holes():
    photo = skimage.data.coffee()
    height, width = photo.shape[:2]
    tilted = np.linspace(4, 1, 96, dtype=np.float32)[:, None].repeat(128, 1)
    made = scene.build(scene.grid(photo), geometry(tilted))
    assert 150_000 < len(made.means) <= scene.MOST
    camera = Camera(FOCAL * math.hypot(width, height), width, height).fitted(768)
    shown = render(made, camera)
    wanted = Image.fromarray(photo).resize((camera.width, camera.height), Image.Resampling.BICUBIC)
    # 37.0; 30.5 where equal depths are drawn in the other order than they are solved for.
    assert psnr(shown.colors, np.asarray(wanted) / 255) > 36
    assert (shown.coverage < 0.95).mean() < 0.001


def test_the_near_moves_more_than_the_far_and_leaves_no_hole():
    made = built()
    moved = render(made, SIZE, right_m=0.2)
    red = moved.colors[..., 0] > 0.5
    shift = SIZE.focal_px * 0.2 / 2
    rows, columns = np.nonzero(red)
    assert columns.mean() == pytest.approx(3 * (PLATE[1].start + PLATE[1].stop) / 2 - shift, abs=2)
    assert len(rows) == pytest.approx(9 * 40 * 40, rel=0.06)
    assert (moved.coverage[:, : -int(shift)] < 0.95).mean() < 0.001
    # Between the plate and its old place is wall, not red.
    assert (moved.colors[180, int(columns.max()) + 4 : 3 * PLATE[1].stop, 2] > 0.6).all()


def test_the_sky_is_far_and_finite():
    depth, _colors = plate()
    sky = blurred(depth, 4) > 3
    made = built(sky=sky, known=~sky)
    far = made.means[:, 2].max()
    assert scene.SKY_M[0] <= far <= scene.SKY_M[1]


def test_unknown_depth_is_filled_from_its_surroundings():
    depth, _colors = plate()
    coarse = blurred(depth, 4)
    known = np.ones(coarse.shape, bool)
    known[:5] = False
    coarse[:5] = np.nan
    made = scene.build(scene.grid(pixels(), most=ROWS * COLUMNS), geometry(coarse, known=known))
    assert np.isfinite(made.means).all()
    assert made.means[:, 2].max() < 4.5


def test_a_picture_of_sky_alone_is_flat():
    none = np.zeros((30, 40), bool)
    made = scene.build(
        scene.grid(pixels(), most=ROWS * COLUMNS),
        geometry(np.ones((30, 40), np.float32), known=none, sky=~none),
    )
    np.testing.assert_allclose(made.means[:, 2], scene.SKY_M[0], rtol=1e-3)


@pytest.mark.parametrize("size", [(40, 50), (53, 66), (32, 40)])
def test_colours_are_solved_for_what_neighbours_cover(size):
    rng = np.random.default_rng(0)
    colors = rng.random((40, 50, 3)).astype(np.float32) * 0.4 + 0.3
    tilted = np.linspace(1, 0, 40, dtype=np.float32)[:, None].repeat(50, 1)
    mix = blending.mixture(tilted, *size)
    np.testing.assert_allclose(mix.sum(1), 1, rtol=1e-5)
    view = (mix @ rng.uniform(0.3, 0.7, (2000, 3)).astype(np.float32)).reshape(*size, 3)

    def error(made):
        return np.abs(mix @ made.reshape(-1, 3) - view.reshape(-1, 3)).mean()

    assert error(blending.solved(colors, tilted, view)) < 0.4 * error(colors)
    grey, seen = np.full((40, 50, 3), 0.5, np.float32), np.full((*size, 3), 0.5, np.float32)
    np.testing.assert_allclose(blending.solved(grey, tilted, seen), grey, atol=1e-5)
