"""Reads a photo's EXIF orientation and focal length. Invalid EXIF never fails a photo."""

from __future__ import annotations

import math
import struct
from typing import Any, Final

from PIL import Image

ORIENTATION: Final = 0x0112
_EXIF_IFD: Final = 0x8769
_FOCAL_35MM: Final = 0xA405
_FOCAL: Final = 0x920A

DEFAULT_FOCAL_MM: Final = 30.0
"""A normal wide angle, for photos that state no focal length."""
PHONE_FOCAL_MM: Final = 10.0
"""A shorter focal length is that of a phone's small sensor, not a 35 mm equivalent..."""
PHONE_FACTOR: Final = 8.4
"""...and is multiplied by this: crude, but as the model's authors do (SHARP, arXiv 2512.10685)."""
_FILM_DIAGONAL_MM: Final = math.hypot(36, 24)

_BROKEN: Final = (SyntaxError, ValueError, TypeError, KeyError, OSError, EOFError, struct.error)
"""The errors that Pillow raises on invalid EXIF."""


def tags_of(image: Image.Image) -> dict[int, Any]:
    """Return the tags of the Exif IFD and of IFD0, IFD0 winning; empty if they cannot be read.

    Call it after ``image.load()``: a PNG's EXIF may follow the pixels, and loading a TIFF rotates it and
    removes its orientation tag.
    """
    try:
        exif = image.getexif()
        return {**exif.get_ifd(_EXIF_IFD), **exif}
    except _BROKEN:
        return {}


def focal_mm(tags: dict[int, Any]) -> float | None:
    """Return the focal length in millimetres, equivalent to 35 mm film; None where it is not stated."""
    equivalent = _number(tags.get(_FOCAL_35MM))
    if equivalent is not None and equivalent >= 1:
        return equivalent
    focal = _number(tags.get(_FOCAL))
    if focal is None or focal <= 0:  # 0 means unknown
        return None
    return focal * PHONE_FACTOR if focal < PHONE_FOCAL_MM else focal


def pixels_of(mm: float, width: int, height: int) -> float:
    """Convert 35 mm equivalent millimetres to pixels, by the diagonal: orientation does not matter."""
    return mm * math.hypot(width, height) / _FILM_DIAGONAL_MM


def _number(value: Any) -> float | None:
    if isinstance(value, tuple):
        value = value[0] if value else None
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None
