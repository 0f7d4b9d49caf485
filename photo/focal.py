"""The focal length: what the caller states, else what EXIF states; the same bounds for both.

In EXIF: the 35 mm equivalent, else the lens's millimetres on a sensor whose size follows from the focal plane
resolution, else a rule for sensors of unknown size.
"""

from __future__ import annotations

import math
from typing import Final

from bus.contract.messages import FocalSource
from photo.errors import FocalLengthError
from photo.exif import Exif

DEFAULT_MM: Final = 30.0
"""A normal wide angle, for photos that state no focal length."""
LEAST_MM: Final = 1.0
MOST_MM: Final = 5_000.0
"""Equivalents of 35 mm film: beyond fisheyes and beyond telescopes; outside of these nothing is believed."""
MOST_PX: Final = 1_000_000.0
"""Pixels; the same bound for every caller."""
PHONE_MM: Final = 10.0
"""A shorter focal length is that of a phone's small sensor, not a 35 mm equivalent..."""
PHONE_FACTOR: Final = 8.4
"""...and is multiplied by this: crude, but as the model's authors do (SHARP, arXiv 2512.10685)."""
_FILM_DIAGONAL_MM: Final = math.hypot(36, 24)
_LEAST_SENSOR_MM: Final = 3.0
_MOST_SENSOR_MM: Final = 60.0
"""Longer side of a sensor: from phones to medium format. Some bodies state a resolution that is wrong."""


def focal_px(
    exif: Exif, width: int, height: int, *, stated_px: float | None = None, stated_mm: float | None = None
) -> tuple[float, FocalSource]:
    """Return the focal length in pixels of the upright photo, and where it comes from.

    ``stated_px`` wins over ``stated_mm`` (35 mm equivalent). Raises `FocalLengthError`.
    """
    if stated_px is not None:
        return _checked(stated_px, LEAST_MM, MOST_PX), FocalSource.REQUEST
    if stated_mm is not None:
        return pixels_of(_checked(stated_mm, LEAST_MM, MOST_MM), width, height), FocalSource.REQUEST
    equivalent = equivalent_mm(exif, width, height)
    if equivalent is not None:
        return pixels_of(equivalent, width, height), FocalSource.EXIF
    return pixels_of(DEFAULT_MM, width, height), FocalSource.DEFAULT


def equivalent_mm(exif: Exif, width: int, height: int) -> float | None:
    """Return EXIF's focal length as the equivalent for 35 mm film; None where no lens has it."""
    for found in (exif.equivalent_mm, _by_sensor(exif, width, height), _by_rule(exif.focal_mm)):
        if found is not None and LEAST_MM <= found <= MOST_MM:
            return found
    return None


def plausible(px: float, width: int, height: int) -> bool:
    """Whether a lens may have this focal length in pixels: a model's own estimate is bounded by it."""
    mm = px * _FILM_DIAGONAL_MM / math.hypot(width, height)
    return math.isfinite(mm) and LEAST_MM <= mm <= MOST_MM


def pixels_of(mm: float, width: int, height: int) -> float:
    """Convert 35 mm equivalent millimetres to pixels, by the diagonal: orientation does not matter."""
    return mm * math.hypot(width, height) / _FILM_DIAGONAL_MM


def _by_sensor(exif: Exif, width: int, height: int) -> float | None:
    """Return the equivalent by focal plane resolution: pixels a millimetre of the full picture.

    The photo may be a smaller copy of the full picture, or turned upright; its longer side is the full one's.
    """
    longer = max(exif.full) or max(width, height)
    for resolution in (exif.plane_x, exif.plane_y):
        if exif.focal_mm is None or resolution is None or resolution <= 0:
            continue
        per_mm = resolution / exif.plane_unit_mm
        if _LEAST_SENSOR_MM <= longer / per_mm <= _MOST_SENSOR_MM:
            px = exif.focal_mm * per_mm * max(width, height) / longer
            return px * _FILM_DIAGONAL_MM / math.hypot(width, height)
    return None


def _by_rule(mm: float | None) -> float | None:
    if mm is None or not mm > 0:  # 0 means unknown
        return None
    return mm * PHONE_FACTOR if mm < PHONE_MM else mm


def _checked(value: float, least: float, most: float) -> float:
    if not (math.isfinite(value) and least <= value <= most):
        raise FocalLengthError(f"A focal length must be a number from {least:g} to {most:g}, not {value:g}.")
    return value
