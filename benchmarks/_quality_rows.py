"""The scenes that `quality.py` compares: ours by a network or by the true depth, and the baselines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from _quality_pairs import Pair
from _quality_views import Array, read
from PIL import Image

from export_consumer.gaussians import Scene
from inference_consumer.card import Card
from inference_consumer.layered.bundled import LONG_SIDE
from inference_consumer.layered.geometry import Geometry, GeometryNetwork, NetworkInfo, Picture
from inference_consumer.layered.model import Layered
from inference_consumer.models import FocalSource, Photo


class Known:
    """A geometry network that knows one picture's geometry already."""

    info = NetworkInfo(name="known", licence="no weights", weights_sha256="", device="cpu")

    def __init__(self, geometry: Geometry) -> None:
        self.geometry = geometry

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Return the smallest size, for the picture is not looked at."""
        return width // 8, height // 8

    def run(self, pictures: Sequence[Picture]) -> list[Geometry | Exception]:
        """Return the geometry."""
        return [self.geometry for _ in pictures]


class Remembering:
    """A geometry network that remembers its last answer."""

    def __init__(self, network: GeometryNetwork) -> None:
        self._network, self.info = network, network.info
        self.last: Any = None

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Return the network's size."""
        return self._network.size_for(width, height)

    def run(self, pictures: Sequence[Picture]) -> list[Geometry | Exception]:
        """Return the network's answers."""
        answers = self._network.run(pictures)
        self.last = answers[-1]
        return answers


def photo_of(pixels: Array, focal_px: float | None) -> Photo:
    """Return a photo with the focal length as EXIF gives it, or without one."""
    height, width = pixels.shape[:2]
    if focal_px is None:
        return Photo(pixels=pixels, focal_px=30 / 43.267 * math.hypot(width, height))
    return Photo(pixels=pixels, focal_px=focal_px, focal_source=FocalSource.EXIF)


def scene_of(model: Any, photo: Photo) -> Scene:
    """Return the scene that a model makes of a photo, through the file."""
    (made,) = model.run([model.prepare(photo)])
    if isinstance(made, Exception):
        raise made
    return read(made.ply())


def card(pair: Pair) -> Scene:
    """Return the product's flat card, 2 m away."""
    return scene_of(Card(), photo_of(pair.first, pair.focal_px))


def of_depth(pixels: Array, depth: Array, sky: Array, focal_px: float) -> Scene:
    """Return layered's scene of a known depth (h, w), not finite where unknown."""
    height, width = pixels.shape[:2]
    known = np.isfinite(depth)
    geometry = Geometry(
        depth=np.where(known, depth, 1).astype(np.float32),
        known=known,
        sky=sky,
        focal=focal_px / math.hypot(width, height),
        scale_spread=None,
    )
    return scene_of(Layered(Known(geometry)), photo_of(pixels, focal_px))


def of_truth(pair: Pair, *, shrink: bool) -> Scene:
    """Return layered's scene of the true depth, in full or averaged to the size that a network gives.

    The bundled network's answer has half of its picture's sides.
    """
    depth, sky = pair.depth, pair.sky
    if shrink:
        height, width = depth.shape
        factor = LONG_SIDE / 2 / max(depth.shape)
        size = round(width * factor), round(height * factor)
        known = pair.known

        def averaged(values: Array) -> Array:
            image = Image.fromarray(values.astype(np.float32))
            return np.asarray(image.resize(size, Image.Resampling.BOX))

        weight = averaged(known)
        log_depth = averaged(np.where(known, np.log(np.where(known, depth, 1)), 0)) / np.maximum(weight, 1e-6)
        depth = np.where(weight > 0.25, np.exp(log_depth), np.inf)
        sky = averaged(sky) > 0.5
        depth = np.where(sky, np.inf, depth)
    return of_depth(pair.first, depth, sky, pair.focal_px)
