"""Two pictures of a scene as two eyes see it from where the photo was taken.

The eyes are beside the photo's camera, half of their distance to each side, and their axes are parallel: a
point at Z metres lies ``focal * distance / Z`` pixels farther to the left in the right eye's picture. A
convergence moves both pictures sideways, as a shifted lens does, so that what is that far away lies in the
screen's plane; cameras that turn inwards would make heights differ.
"""

from __future__ import annotations

import io
from typing import Final, NamedTuple

import numpy as np
from PIL import Image

from bus.contract.splat import Camera
from export_consumer.formats import Chosen
from export_consumer.gaussians import Floats, Scene
from export_consumer.raster import render

QUALITY: Final = 92


class Pair(NamedTuple):
    """The pictures, of one size, and the camera of both."""

    left: Image.Image
    right: Image.Image
    camera: Camera


def pair(scene: Scene, options: Chosen) -> Pair:
    """Return what the two eyes see. Options: ``size`` of each picture, ``eye_distance``, ``convergence``."""
    camera = scene.camera.fitted(options["size"])
    baseline, convergence = options["eye_distance"] / 1000, options["convergence"]
    left, right = (
        Image.fromarray(render(scene.gaussians, camera, _view(side * baseline / 2, convergence)).pixels())
        for side in (-1, 1)
    )
    return Pair(left, right, camera)


def words(options: Chosen, camera: Camera) -> str:
    """Return what a viewer or a later program must know of the two pictures."""
    convergence = options["convergence"]
    where = "axes parallel, no shift" if convergence is None else f"screen plane at {convergence:g} m"
    return f"eyes {options['eye_distance']:g} mm apart, {where}, focal length {camera.focal_px:.6g} px"


def jpeg(picture: Image.Image, comment: str) -> bytes:
    """Return the picture as a JPEG with all of its colours: halved ones blur the edges that eyes compare."""
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=QUALITY, subsampling=0, comment=comment)
    return out.getvalue()


def _view(eye: float, convergence: float | None) -> Floats:
    """Return the view (3, 4) of an eye that many metres to the right of the photo's camera."""
    view = np.eye(3, 4, dtype=np.float32)
    view[0, 3] = -eye
    if convergence is not None:
        view[0, 2] = eye / convergence  # x + eye / C * z: a shift of the picture, whatever the depth
    return view
