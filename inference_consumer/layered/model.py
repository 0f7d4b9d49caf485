"""The model ``layered``: a geometry network's run for the whole batch, then each photo's scene.

The network runs on the engine's thread; a scene is built when its file is asked for, on an encoding thread,
while the next batch runs.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from bus.contract.messages import FocalSource
from bus.contract.splat import Camera
from inference_consumer import ply
from inference_consumer.errors import ResultNotFiniteError
from inference_consumer.layered import networks, scale, scene, surfaces
from inference_consumer.layered.fetch import Fetch
from inference_consumer.layered.geometry import Geometry, GeometryNetwork, Picture
from inference_consumer.models import (
    Estimates,
    ModelInfo,
    Photo,
    Splat,
    YieldPoint,
    no_preemption,
)
from inference_consumer.settings import Settings

VERSION: Final = "1"
BATCH: Final = {"cpu": 4, "cuda": 16}
"""Photos a run: a CPU gains little from more, and each waits for all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A photo in the network's size and as cells; ``guessed``: its focal length is nobody's statement."""

    picture: Picture
    cells: scene.Grid
    camera: Camera
    guessed: bool


class LayeredSplat(Splat):
    """A photo's geometry; its Gaussians are made when the file is."""

    def __init__(self, item: Item, geometry: Geometry) -> None:
        self._item, self._geometry = item, geometry
        self._count: int | None = None

    @property
    def count(self) -> int:
        """The number of Gaussians, known after `ply`."""
        if self._count is None:
            raise RuntimeError("the scene has not been built")
        return self._count

    @property
    def estimates(self) -> Estimates:
        """The network's focal length where none was stated, and the spread of the scale."""
        focal_px = self._camera.focal_px if self._item.guessed else None
        return Estimates(focal_px=focal_px, scale_spread=self._geometry.scale_spread)

    @property
    def _camera(self) -> Camera:
        camera = self._item.camera
        diagonal = math.hypot(camera.width, camera.height)
        return camera._replace(focal_px=self._geometry.focal * diagonal) if self._item.guessed else camera

    def ply(self) -> bytearray:
        """Build the scene and return the file."""
        made = scene.build(self._item.cells, self._geometry)
        self._count = len(made.means)
        return ply.encode(
            means=made.means,
            colors=made.colors,
            opacity=surfaces.OPACITY,
            scales=made.scales,
            quaternions=made.quaternions,
            camera=self._camera,
        )


class Layered:
    """The model; ``fetch`` brings another network, which a fresh process will run."""

    def __init__(self, network: GeometryNetwork, fetch: Fetch | None = None) -> None:
        self._network, self._fetch = network, fetch
        info = network.info
        self.info = ModelInfo(
            name=f"layered/{info.name}",
            version=VERSION,
            licence=info.licence,
            weights_sha256=info.weights_sha256,
            dtype="float32",
            device=info.device,
            max_batch=info.max_batch or BATCH.get(info.device, 1),
            warm_up=info.warm_up,
        )

    @property
    def note(self) -> str | None:
        """How far the fetch is."""
        return self._fetch.note if self._fetch else None

    async def outdated(self) -> None:
        """See `models.Renewable`."""
        await (self._fetch.done() if self._fetch else asyncio.Event().wait())

    def prepare(self, photo: Photo) -> Item:
        """Scale the photo to the network's size and to its cells."""
        height, width = photo.pixels.shape[:2]
        size = self._network.size_for(width, height)
        # Bilinear with support: every pixel counts, as in training.
        small = Image.fromarray(photo.pixels).resize(size, Image.Resampling.BILINEAR)
        guessed = photo.focal_source is FocalSource.DEFAULT
        focal = None if guessed else photo.focal_px / math.hypot(width, height)
        return Item(
            picture=Picture(pixels=np.asarray(small), focal=focal),
            cells=scene.grid(photo.pixels),
            camera=photo.camera,
            guessed=guessed,
        )

    def item_bytes(self, item: Item) -> int:
        """Return the bytes of both sizes."""
        return item.picture.pixels.nbytes + item.cells.colors.nbytes

    def run(
        self, items: Sequence[Item], pause: YieldPoint = no_preemption
    ) -> Sequence[LayeredSplat | Exception]:
        """Run the network once for all items; a yield point lies before it, for it takes under a second."""
        pause()
        seen = self._network.run([item.picture for item in items])
        return [_splat(item, geometry) for item, geometry in zip(items, seen, strict=True)]


def _splat(item: Item, geometry: Geometry | Exception) -> LayeredSplat | Exception:
    if isinstance(geometry, Exception):
        return geometry
    if not np.isfinite(geometry.depth[geometry.known]).all() or not math.isfinite(geometry.focal):
        return ResultNotFiniteError("The network found no finite geometry in this photo; try another one.")
    return LayeredSplat(item, scale.weighed(geometry))


def make(settings: Settings) -> Layered:
    """Return the model with the network that the settings choose."""
    return Layered(*networks.chosen(settings))
