"""What photo workers run (`bus.sandbox`): the functions of `photo.reader`, with pixels in shared memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from msgspec import Struct

from bus.contract.messages import FocalSource
from bus.sandbox.worker import Made, Output
from photo import reader
from photo.reader import Facts
from photo.turns import Pixels

prepare = reader.prepare


class Decoded(Struct, frozen=True, array_like=True):
    """What is known of a photo beside its pixels, which are uint8, (height, width, 3)."""

    height: int
    width: int
    focal_px: float
    focal_source: FocalSource


def decode(data: bytes, focal_px: float | None, focal_mm: float | None) -> Made:
    """Return `Decoded` and all pixels. Raises the errors of `photo.reader.read`."""

    def allocate(height: int, width: int) -> Pixels:
        return np.frombuffer(Output.allocate(3 * height * width), np.uint8).reshape(height, width, 3)

    taken = reader.read(data, focal_px=focal_px, focal_mm=focal_mm, allocate=allocate)
    height, width, _ = taken.pixels.shape
    return Made(Decoded(height, width, taken.focal_px, taken.focal_source), Output.data())


def check(data: bytes) -> Facts:
    """Announce the header's facts, then read to the last pixel. Raises `PhotoError`."""
    return reader.check(data, Output.announce)


def pictures(data: bytes) -> Made:
    """Return the rendition's size, and its bytes followed by the thumbnail's. Raises `PhotoError`."""
    made = reader.pictures_of(data)
    return Made(len(made.rendition), made.rendition + made.thumbnail)


def link_picture(data: bytes, suffix: str) -> Made:
    """Return a picture for link previews. Raises `PhotoError`."""
    return Made(None, reader.link_picture_of(data, suffix))


TASKS: Final[Mapping[str, Callable[..., Any]]] = {
    "check": check,
    "decode": decode,
    "link_picture": link_picture,
    "pictures": pictures,
}
