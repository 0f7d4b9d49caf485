"""Renders Gaussians from any camera, on the CPU; for previews, videos and the depth of meshes.

It blends sRGB values directly, like every splat viewer. Compiling takes 6 s once a machine (see `pool`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bus.contract.splat import Camera
from export_consumer import kernels
from export_consumer.gaussians import Floats, Gaussians


class Picture(NamedTuple):
    """A rendered picture with coverage and depth."""

    colors: Floats  # (H, W, 3) sRGB before black, that is times the coverage
    coverage: Floats  # (H, W) 0 where empty, 1 where opaque
    depth: Floats  # (H, W) metres along the camera's axis to where half of the light is stopped; 0: nowhere

    def pixels(self) -> np.ndarray[Any, np.dtype[np.uint8]]:
        """Return (H, W, 3) 8-bit sRGB before black."""
        return np.round(np.clip(self.colors, 0, 1) * 255).astype(np.uint8)


def render(gaussians: Gaussians, camera: Camera, view: Floats | None = None) -> Picture:
    """Return the camera's picture of Gaussians in the scene's own frame.

    ``view`` (3, 4) takes the scene to the camera's axes (x right, y down, z forward); None is the photo's.
    """
    focal, width, height = camera
    view = np.eye(3, 4, dtype=np.float32) if view is None else view.astype(np.float32)
    ellipses = np.empty((gaussians.size, kernels.ELLIPSE), np.float32)
    depths = np.empty(gaussians.size, np.float32)
    kernels.project(
        gaussians.positions,
        gaussians.log_scales,
        gaussians.quaternions,
        gaussians.opacities,
        view,
        focal,
        width,
        height,
        ellipses,
        depths,
    )
    # Of equal depths the first is nearer, on every machine: NumPy's faster sort depends on the processor.
    order = np.argsort(depths, kind="stable")[: int(np.isfinite(depths).sum())]
    across, down = -(-width // kernels.TILE), -(-height // kernels.TILE)
    begins, lists = kernels.tiles_of(ellipses, order, across, down)
    colors = np.zeros((height, width, 3), np.float32)
    light, depth = np.ones((height, width), np.float32), np.zeros((height, width), np.float32)
    kernels.blend(ellipses, gaussians.colors, depths, begins, lists, across, colors, light, depth)
    return Picture(colors, 1 - light, depth)
