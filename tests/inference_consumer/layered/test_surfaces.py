from __future__ import annotations

import numpy as np
import pytest

from inference_consumer.layered import surfaces
from tests.inference_consumer.layered.stages import plate


def matrices(quaternions: np.ndarray) -> np.ndarray:
    w, x, y, z = quaternions.T.astype(float)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), -1, 0)


def plane(normal: tuple[float, float, float], distance: float, focal: float = 80.0) -> np.ndarray:
    """Return the log depth (60, 80) of the points p with normal . p = distance."""
    x, y = surfaces.rays(60, 80, focal)
    facing = normal[0] * x[None] + normal[1] * y[:, None] + normal[2]
    return np.log(distance / facing).astype(np.float32)


@pytest.mark.parametrize("normal", [(0, 0, 1), (0.5, 0, 1), (0, 0.8, 1), (-0.4, 0.6, 1)])
def test_gaussians_lie_in_their_plane_and_tile_it(normal):
    unit = np.array(normal) / np.linalg.norm(normal)
    made = surfaces.gaussians(plane(tuple(unit), 2.0), np.zeros((60, 80, 3), np.float32), 80.0)
    np.testing.assert_allclose(made.means @ unit, 2, rtol=1e-4)
    turns = matrices(made.quaternions)
    np.testing.assert_allclose(turns @ turns.transpose(0, 2, 1), np.eye(3)[None].repeat(4800, 0), atol=1e-5)
    flat = turns @ (made.scales[..., None] ** 2 * turns.transpose(0, 2, 1))  # covariances
    thickness = np.sqrt(np.einsum("i,nij,j->n", unit, flat, unit))
    assert (thickness < 0.25 * made.scales.max(1)).all()
    # Seen from the camera, each is as wide and as high as its cell.
    z = made.means[:, 2]
    jacobian = np.zeros((len(z), 2, 3))
    jacobian[:, 0, 0] = jacobian[:, 1, 1] = 80 / z
    jacobian[:, :, 2] = -80 * made.means[:, :2] / z[:, None] ** 2
    screen = jacobian @ flat @ jacobian.transpose(0, 2, 1)
    inner = np.zeros((60, 80), bool)
    inner[2:-2, 2:-2] = True
    np.testing.assert_allclose(np.sqrt(screen[inner.ravel()][:, 0, 0]), surfaces.WIDTH, rtol=0.1)
    np.testing.assert_allclose(np.sqrt(screen[inner.ravel()][:, 1, 1]), surfaces.WIDTH, rtol=0.1)


def test_nothing_stretches_from_the_front_to_the_back():
    depth, colors = plate()
    made = surfaces.gaussians(np.log(depth), colors, 160.0)
    cell = made.means[:, 2] / 160
    assert (made.scales.max(1) <= 1.01 * surfaces.WIDTH * cell).all()


def test_grazing_surfaces_are_bounded():
    steep = np.log(1.5 / np.linspace(0.001, 0.5, 60, dtype=np.float32))[:, None].repeat(80, 1)
    made = surfaces.gaussians(steep, np.zeros((60, 80, 3), np.float32), 80.0)
    most = 1.5 * surfaces.STRETCH  # rays at the corners are longer
    assert (made.scales.max(1) <= surfaces.WIDTH * most * made.means[:, 2] / 80).all()
    assert np.isfinite(made.quaternions).all()
