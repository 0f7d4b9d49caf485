"""Scenes with the layout of a photo's, in which every field of a Gaussian differs from its neighbours'."""

from __future__ import annotations

import numpy as np

from bus.contract.splat import SH_C0, Camera, camera_comments
from export_consumer import splat
from export_consumer.gaussians import Gaussians, Scene

CAMERA = Camera(96.0, 128, 96)


def scene(rows: int = 24, *, seed: int = 0) -> Scene:
    """Two layers of a 4:3 photo, the front one wavy between 1.5 and 2.5 m, the back one 2 m behind it.

    Colours encode the position: red grows to the right, green downwards, blue with the depth.
    """
    columns = rows * CAMERA.width // CAMERA.height
    random = np.random.default_rng(seed)
    v, u = np.mgrid[0:rows, 0:columns] + 0.5
    layers = []
    for layer in range(2):
        z = 2 + 0.5 * np.sin(u / columns * 5) * np.cos(v / rows * 4) + 2 * layer
        x = (u / columns - 0.5) * CAMERA.width / CAMERA.focal_px * z
        y = (v / rows - 0.5) * CAMERA.height / CAMERA.focal_px * z
        layers.append(np.stack([x, y, z, u / columns, v / rows, z / 5], -1).reshape(-1, 6))
    rows_ = np.concatenate(layers).astype(np.float32)
    count = len(rows_)
    size = rows_[:, 2:3] * CAMERA.width / CAMERA.focal_px / columns
    turns = random.normal(size=(count, 4))
    opacity = random.uniform(0.6, 0.98, count)
    gaussians = Gaussians(
        positions=rows_[:, :3],
        harmonics=((rows_[:, 3:] * 0.8 + 0.1 - 0.5) / SH_C0).astype(np.float32),
        logits=np.log(opacity / (1 - opacity)).astype(np.float32),
        log_scales=np.log(size * random.uniform(0.4, 0.9, (count, 3))).astype(np.float32),
        quaternions=(turns / np.linalg.norm(turns, axis=1, keepdims=True)).astype(np.float32),
    )
    return Scene(Gaussians(*map(np.ascontiguousarray, gaussians)), CAMERA)


def wall(depth: float, *, left: float = -1.5, top: float = -1.5, bottom: float = 1.5) -> Scene:
    """An opaque flat grey wall across the view, that many metres before the camera, with no gap in it.

    The bounds are parts of half the picture: -1 is its left or upper edge.
    """
    count = 96
    across, down = CAMERA.width / 2 / CAMERA.focal_px, CAMERA.height / 2 / CAMERA.focal_px
    u, v = np.meshgrid(np.linspace(left, 1.5, count), np.linspace(top, bottom, count))
    z = np.full(count * count, depth)
    positions = np.stack([u.ravel() * across * z, v.ravel() * down * z, z], 1)
    spacing = abs(depth) * across * 3 / count
    return _opaque(positions, np.full((len(z), 3), 0.5), [spacing, spacing, spacing / 100])


def spots_at(positions: list[tuple[float, float, float]], colors: list[tuple[float, float, float]]) -> Scene:
    """Single opaque Gaussians on black, of 2 cm."""
    return _opaque(np.array(positions), np.array(colors), [0.02] * 3)


def _opaque(positions: np.ndarray, colors: np.ndarray, scales: list[float]) -> Scene:
    count = len(positions)
    return Scene(
        Gaussians(
            positions=positions.astype(np.float32),
            harmonics=((colors - 0.5) / SH_C0).astype(np.float32),
            logits=np.full(count, 5, np.float32),
            log_scales=np.tile(np.log(scales), (count, 1)).astype(np.float32),
            quaternions=np.tile(np.float32([1, 0, 0, 0]), (count, 1)),
        ),
        CAMERA,
    )


def ply(made: Scene) -> bytes:
    """Return the file that the inference role would store."""
    return splat.write(made, comments=camera_comments(made.camera))
