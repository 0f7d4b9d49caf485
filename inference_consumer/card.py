"""``card``, the demo model: the photo itself as a flat card of Gaussians, 2 m in front of the camera.

No network, no weights: it is not a reconstruction. It shows that everything around a model works, with the
right geometry. The card is as wide as the lens's view at that distance, upright, in the photo's colours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from bus.contract.splat import Camera
from inference_consumer import ply
from inference_consumer.models import ModelInfo, Photo, Pixels, Splat, YieldPoint, no_preemption
from inference_consumer.settings import Settings

DISTANCE_M: Final = 2.0
MAX_GAUSSIANS: Final = 200_000
"""11 MB as .ply, which a browser without a fast GPU can show. Larger photos are averaged by area."""
OPACITY: Final = 0.99
"""Opaque: rasterisers clamp at this value anyway."""
THICKNESS: Final = 0.01
"""The card's thickness in grid cells."""

INFO: Final = ModelInfo(
    name="card",
    version="1",
    licence="no weights",
    weights_sha256=None,
    dtype="float32",
    device="cpu",
    max_batch=8,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class CardSplat(Splat):
    """A card not yet encoded; ``cells`` is (rows, columns, 3), one pixel a Gaussian."""

    cells: Pixels
    camera: Camera

    @property
    def count(self) -> int:
        """The number of Gaussians, one a cell."""
        rows, columns = self.cells.shape[:2]
        return int(rows * columns)

    def ply(self) -> bytearray:
        """Return the file: cells row by row, each at its own centre, one cell wide and high."""
        rows, columns = self.cells.shape[:2]
        camera = self.camera
        width_m = camera.width / camera.focal_px * DISTANCE_M
        height_m = camera.height / camera.focal_px * DISTANCE_M
        means = np.full((rows, columns, 3), DISTANCE_M, np.float32)
        means[..., 0] = ((np.arange(columns) + 0.5) / columns - 0.5) * width_m
        means[..., 1] = (((np.arange(rows) + 0.5) / rows - 0.5) * height_m)[:, None]
        across, down = width_m / columns, height_m / rows
        scales = np.array([across, down, THICKNESS * min(across, down)], np.float32)
        return ply.encode(
            means=means.reshape(-1, 3),
            colors=self.cells.reshape(-1, 3) / np.float32(255),
            opacity=OPACITY,
            scales=scales,
            camera=camera,
        )


class Card:
    """The model. `prepare` does all of the work."""

    info = INFO

    def prepare(self, photo: Photo) -> CardSplat:
        """Average the photo down to at most `MAX_GAUSSIANS` cells of its own aspect."""
        height, width = photo.pixels.shape[:2]
        shrink = min(1.0, math.sqrt(MAX_GAUSSIANS / (width * height)))
        size = max(1, int(width * shrink)), max(1, int(height * shrink))
        cells = photo.pixels
        if size != (width, height):
            cells = np.asarray(Image.fromarray(photo.pixels).resize(size, Image.Resampling.BOX))
        return CardSplat(cells=cells, camera=photo.camera)

    def item_bytes(self, item: CardSplat) -> int:
        """Return the bytes of the cells."""
        return item.cells.nbytes

    def run(self, items: Sequence[CardSplat], _pause: YieldPoint = no_preemption) -> Sequence[CardSplat]:
        """Return the prepared items; too short for yield points."""
        return items


def make(_settings: Settings) -> Card:
    """Return the model; it has no settings."""
    return Card()
