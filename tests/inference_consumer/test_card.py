from __future__ import annotations

from pathlib import Path
from typing import Any

import gsply
import numpy as np
import pytest
import trimesh

from bus.contract.splat import SH_C0
from inference_consumer.card import DISTANCE_M, INFO, MAX_GAUSSIANS, OPACITY, Card, CardSplat
from inference_consumer.models import Photo
from tests.inference_consumer.pictures import quadrants

FOCAL_PX = 80.0


def card_of(pixels: Any, focal_px: float = FOCAL_PX) -> CardSplat:
    model = Card()
    (splat,) = model.run([model.prepare(Photo(pixels=pixels, focal_px=focal_px))])
    return splat


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write the card of the quadrants, 64 x 48, to a file."""
    path = tmp_path / "card.ply"
    path.write_bytes(card_of(quadrants()).ply())
    return path


def test_a_splat_reader_reads_the_card(file: Path) -> None:
    data = gsply.plyread(file)
    assert data.means.shape == (64 * 48, 3)
    np.testing.assert_allclose(data.quats, np.broadcast_to([1, 0, 0, 0], (64 * 48, 4)))
    np.testing.assert_allclose(1 / (1 + np.exp(-data.opacities)), OPACITY, rtol=1e-6)
    cell = DISTANCE_M / FOCAL_PX  # a pixel wide
    np.testing.assert_allclose(np.exp(data.scales[:, :2]), cell, rtol=1e-6)
    assert (np.exp(data.scales[:, 2]) < 0.02 * cell).all()


def test_a_mesh_reader_reads_the_same_points(file: Path) -> None:
    cloud = trimesh.load(file)
    np.testing.assert_allclose(np.asarray(cloud.vertices), gsply.plyread(file).means, rtol=1e-6)


def test_every_gaussian_projects_onto_its_own_pixel_with_its_colour(file: Path) -> None:
    data = gsply.plyread(file)
    x, y, z = data.means.T
    u, v = FOCAL_PX * x / z + 64 / 2, FOCAL_PX * y / z + 48 / 2  # x right, y down, z forward
    np.testing.assert_allclose(z, DISTANCE_M)
    np.testing.assert_allclose(u, np.tile(np.arange(64) + 0.5, 48), atol=1e-4)
    np.testing.assert_allclose(v, np.repeat(np.arange(48) + 0.5, 64), atol=1e-4)
    colors = np.rint((data.sh0 * SH_C0 + 0.5) * 255).astype(np.uint8)
    np.testing.assert_array_equal(colors, quadrants()[v.astype(int), u.astype(int)])


@pytest.mark.parametrize(("width", "height"), [(1600, 900), (900, 1600), (10_000, 30)])
def test_a_large_photo_keeps_its_aspect_and_stays_below_the_cap(width: int, height: int) -> None:
    splat = card_of(quadrants(width, height), focal_px=1000.0)
    rows, columns = splat.cells.shape[:2]
    assert 0.9 * MAX_GAUSSIANS < splat.count <= MAX_GAUSSIANS
    assert columns / rows == pytest.approx(width / height, rel=0.06)
    vertices = np.frombuffer(splat.ply(), "<f4", offset=len(splat.ply()) - 56 * splat.count).reshape(-1, 14)
    # The outermost cells' edges coincide with the photo's, to a thousandth.
    wide = np.ptp(vertices[:, 0]) * columns / (columns - 1)
    high = np.ptp(vertices[:, 1]) * rows / (rows - 1)
    assert (wide, high) == (pytest.approx(width / 1000 * 2, 1e-3), pytest.approx(height / 1000 * 2, 1e-3))


def test_averaging_is_by_area() -> None:
    pixels = np.zeros((1000, 1000, 3), np.uint8)
    pixels[:, ::2] = 200  # finer than a cell
    cells = card_of(pixels).cells
    assert cells.mean() == pytest.approx(100, abs=1)
    assert cells.std() < 25


def test_model_info_and_item_size() -> None:
    assert (INFO.name, INFO.weights_sha256) == ("card", None)
    assert Card().item_bytes(card_of(quadrants())) == 64 * 48 * 3
