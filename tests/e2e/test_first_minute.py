"""The first minute of a new user: `sharpstream up` as it is, a photo, and a scene with depth on the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser
from skimage import data

from export_consumer import raster, splat
from sharpstream.stack import ports
from tests.e2e.running import Running, new_home, started
from tests.e2e.test_page import arrive, browser, store_of  # noqa: F401  (a fixture)
from tests.e2e.visitor import Visitor

WIDTH = 96
"""Pixels of the photo: a scene of about 25,000 Gaussians, which WebGL on a CPU draws in a second."""
BLOCKS = 5
REACH = 40
"""Pixels on the screen within which a block is looked for after the drag."""


@pytest.fixture
def first() -> Iterator[Running]:
    """A system started with its own defaults, in a new folder, without a network to fetch weights from."""
    with (
        new_home() as home,
        started(home, {"GATEWAY_PORT": str(ports.choose()), "LAYERED_FETCH": "no"}) as stack,
    ):
        yield stack


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A motorcycle in a workshop."""
    left = data.stereo_motorcycle()[0][..., :3]
    path = tmp_path / "A workshop.jpg"
    height = round(WIDTH * left.shape[0] / left.shape[1])
    Image.fromarray(left).resize((WIDTH, height), Image.Resampling.BOX).save(path, quality=95)
    return path


@pytest.mark.drill
@pytest.mark.stack
def test_near_things_move_more_than_far_ones(
    first: Running,
    browser: Browser,  # noqa: F811
    room: Path,
    tmp_path: Path,
) -> None:
    visitor = Visitor(browser, first.url, store_of(first.url))
    try:
        arrive(visitor)
        page = visitor.page
        page.get_by_label("Photos", exact=True).set_input_files([room])
        page.get_by_role("link", name="A workshop").click()
        page.locator("[data-viewer=ready]").wait_for()
        visitor.see("layered/bundled")
        canvas = page.locator("canvas")
        before = visitor.pixels(canvas)
        visitor.drag(canvas, -60)
        visitor.until_it_changes(canvas, before)
        after = at_rest(visitor)
        assert visitor.troubles == []
    finally:
        visitor.context.close()
    nearness = blocks_of(disparity(first, room, before.shape[:2]))
    moved = np.array([motion(before, after, row, column) for row, column in corners(before.shape[:2])])
    textured = blocks_of(before.std(axis=2) + before.mean(axis=2), np.std) > 12
    near = textured & (nearness > np.quantile(nearness[textured], 0.7))
    far = textured & (nearness < np.quantile(nearness[textured], 0.3))
    assert abs(np.median(moved[near]) - np.median(moved[far])) > 3
    assert abs(np.corrcoef(nearness[textured], moved[textured])[0, 1]) > 0.5


def at_rest(visitor: Visitor) -> np.ndarray:
    """Return the canvas once two pictures in a row are the same: motion glides to its end."""
    canvas = visitor.page.locator("canvas")
    last = visitor.pixels(canvas)
    for _ in range(60):
        now = visitor.pixels(canvas)
        if np.abs(now - last).mean() < 0.05:
            return now
        last = now
    raise AssertionError("the picture never rests")


def disparity(system: Running, photo: Path, shape: tuple[int, int]) -> np.ndarray:
    """Return one over the depth of the finished scene, seen from the photo's camera, in the screen's size."""
    out = photo.parent / "splats"
    done = system.cli("generate", str(photo), "-o", str(out))
    assert done.returncode == 0, done.stderr
    (file,) = out.glob("*.ply")
    scene = splat.read(file.read_bytes())
    height, width = shape
    focal = scene.camera.focal_px * min(width / scene.camera.width, height / scene.camera.height)
    picture = raster.render(
        scene.gaussians, scene.camera._replace(focal_px=focal, width=width, height=height)
    )
    return np.where(picture.depth > 0, 1 / np.maximum(picture.depth, 1e-3), 0)


def corners(shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the upper left corners of blocks, `REACH` from the borders and above the buttons."""
    height, width = shape
    size = side(shape)
    rows = range(REACH, int(height * 0.8) - size, size)
    return [(row, column) for row in rows for column in range(REACH, width - REACH - size, size)]


def side(shape: tuple[int, int]) -> int:
    return min(shape) // (2 * BLOCKS)


def blocks_of(values: np.ndarray, measure=np.median) -> np.ndarray:
    size = side(values.shape[:2])
    return np.array([measure(values[r : r + size, c : c + size]) for r, c in corners(values.shape[:2])])


def motion(before: np.ndarray, after: np.ndarray, row: int, column: int) -> int:
    """Return by how many pixels a block went to the right."""
    size = side(before.shape[:2])
    block = before[row : row + size, column : column + size]
    errors = [
        np.abs(after[row : row + size, column + shift : column + shift + size] - block).mean()
        for shift in range(-REACH, REACH + 1)
    ]
    return int(np.argmin(errors)) - REACH
