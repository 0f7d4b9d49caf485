"""What a geometry network sees in a picture, and the interface that all of them have.

Axes are OpenCV's: x right, y down, z forward from the camera.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
from PIL import Image

from inference_consumer.models import Pixels

Floats: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"
Bools: TypeAlias = "np.ndarray[Any, np.dtype[np.bool_]]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A photo for a network: ``pixels`` (H, W, 3) uint8 sRGB in the size that the network asked for.

    ``focal`` is the focal length in diagonals of the picture where it is known, from the request or EXIF;
    None lets the network find it.
    """

    pixels: Pixels
    focal: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """The geometry of one picture, (h, w) maps of any size with about the photo's aspect.

    ``depth``: metres along z, float32, positive. It counts where ``known``; elsewhere the scene is filled
    from its surroundings. ``sky``: at no finite distance. ``normals`` (h, w, 3): unit vectors towards the
    camera, where the network gives them. ``focal``: the focal length in diagonals that the depth belongs to:
    the known one, or else the network's. ``scale_spread``: the standard deviation of the natural logarithm of
    the metric scale; None if the network does not say.
    """

    depth: Floats
    known: Bools
    sky: Bools
    focal: float
    scale_spread: float | None
    normals: Floats | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkInfo:
    """A network's identity: the name after ``layered/``, its licence, its weights, where it runs.

    ``max_batch`` and ``warm_up`` are hints as in `models.ModelInfo`; None is the device's own.
    """

    name: str
    licence: str
    weights_sha256: str
    device: str
    max_batch: int | None = None
    warm_up: bool = True


class GeometryNetwork(Protocol):
    """A network that is loaded. `size_for` may be called from any thread, `run` from one at a time."""

    @property
    def info(self) -> NetworkInfo:
        """A description."""
        ...

    def size_for(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height in which the network wants a photo of that size."""
        ...

    def run(self, pictures: Sequence[Picture]) -> list[Geometry | Exception]:
        """Return the geometry, or that picture's own error, for each picture; pictures may differ in size.

        Raises `MemoryError` if they do not fit into memory together.
        """
        ...


def fours(values: Floats) -> Floats:
    """Return the blocks of 2 x 2 of a map of even sides: (rows / 2, columns / 2, 4), row by row."""
    rows, columns = values.shape[0] // 2, values.shape[1] // 2
    return values.reshape(rows, 2, columns, 2).transpose(0, 2, 1, 3).reshape(rows, columns, 4)


def resized(values: Floats, rows: int, columns: int) -> Floats:
    """Return a map (rows, columns) interpolated from a map of any size."""
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize((columns, rows), Image.Resampling.BILINEAR))
