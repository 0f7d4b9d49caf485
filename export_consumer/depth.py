"""The depth map of a scene, from where its photo was taken."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bus.contract.splat import Camera
from export_consumer.errors import NothingLeftError
from export_consumer.formats import Chosen
from export_consumer.gaussians import Floats, Scene
from export_consumer.raster import render


class DepthMap(NamedTuple):
    """Metres along the camera's axis to where half of the light is stopped, as in a mesh."""

    metres: Floats  # (H, W); 0 where nothing is hit
    hit: np.ndarray[Any, np.dtype[np.bool_]]  # (H, W)
    camera: Camera

    @property
    def words(self) -> str:
        """What a reader of the file must know of the camera."""
        focal, width, height = self.camera
        return f"focal length {focal:.6g} px, principal point {width / 2:g} {height / 2:g}"


def of(scene: Scene, options: Chosen) -> DepthMap:
    """Return the depth map; option ``size``. Raises `NothingLeftError` where no pixel is hit."""
    camera = scene.camera.fitted(options["size"])
    depth = render(scene.gaussians, camera).depth
    hit = depth > 0
    if not hit.any():
        raise NothingLeftError("No pixel hits a surface; ask for a lower min_opacity.")
    return DepthMap(depth, hit, camera)
