"""What this role's photo workers run (`bus.sandbox`): `inference_consumer.photo.decode`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import numpy as np

from bus.contract.messages import FocalSource
from bus.sandbox.worker import Made, Output
from inference_consumer import photo
from inference_consumer.models import Pixels

prepare = photo.prepare


class Decoded(msgspec.Struct, frozen=True, array_like=True):
    """What is known of a decoded photo beside its pixels, which are uint8, (height, width, 3)."""

    height: int
    width: int
    focal_px: float
    focal_source: FocalSource


def decode(data: bytes, focal_px: float | None, focal_mm: float | None) -> Made:
    """Return `Decoded` and the pixels. Raises the errors of `inference_consumer.photo.decode`."""

    def allocate(height: int, width: int) -> Pixels:
        return np.frombuffer(Output.allocate(3 * height * width), np.uint8).reshape(height, width, 3)

    taken = photo.decode(data, focal_px=focal_px, focal_mm=focal_mm, allocate=allocate)
    height, width, _ = taken.pixels.shape
    return Made(Decoded(height, width, taken.focal_px, taken.focal_source), Output.data())


TASKS: Final[Mapping[str, Callable[..., Any]]] = {"decode": decode}
