"""What EXIF says of the camera. Invalid EXIF never fails a photo. Source: CIPA DC-008 (Exif 3.0)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from photo.tags import Directory, Tiff

_ORIENTATION: Final = 0x0112
_EXIF: Final = 0x8769
_INTEROPERABILITY: Final = 0xA005
_HEAD: Final = b"Exif\0\0"


@dataclass(frozen=True, kw_only=True, slots=True)
class Exif:
    """The tags that are used, None or empty where they are not stated or cannot be read.

    ``focal_mm`` of the lens, ``equivalent_mm`` for 35 mm film. ``plane_x`` and ``plane_y``: pixels of the
    full
    picture on a ``plane_unit_mm`` of the sensor. ``full``: width and height of the full picture.
    """

    orientation: int = 1
    make: str = ""
    model: str = ""
    lens: str = ""
    focal_mm: float | None = None
    equivalent_mm: float | None = None
    plane_x: float | None = None
    plane_y: float | None = None
    plane_unit_mm: float = 25.4
    full: tuple[int, int] = (0, 0)
    colour_space: int | None = None
    interoperability: str = ""
    rendered: int = 0
    digital_zoom: float | None = None


_UNITS_MM: Final = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}
"""FocalPlaneResolutionUnit -> millimetres; an inch where it is not stated."""


def read(data: bytes | None) -> Exif:
    """Return the tags of an EXIF block, or of the first page of a TIFF."""
    tiff = Tiff.open(data.removeprefix(_HEAD)) if data else None
    first = tiff.directory(tiff.first) if tiff else None
    if tiff is None or first is None:
        return Exif()
    below = tiff.directory(first.number(_EXIF))
    directories = [first] if below is None else [first, below]
    shared = tiff.directory(below.number(_INTEROPERABILITY)) if below else None
    orientation = _integer(directories, _ORIENTATION)
    return Exif(
        orientation=orientation if 1 <= orientation <= 8 else 1,
        make=_text(directories, 0x010F),
        model=_text(directories, 0x0110),
        lens=_text(directories, 0xA434),
        focal_mm=_number(directories, 0x920A),
        equivalent_mm=_number(directories, 0xA405),
        plane_x=_number(directories, 0xA20E),
        plane_y=_number(directories, 0xA20F),
        plane_unit_mm=_UNITS_MM.get(_integer(directories, 0xA210), 25.4),
        full=(_integer(directories, 0xA002), _integer(directories, 0xA003)),
        colour_space=_integer(directories, 0xA001) or None,
        interoperability=shared.text(1) if shared else "",
        rendered=_integer(directories, 0xA401),
        digital_zoom=_number(directories, 0xA404),
    )


def _values(directories: list[Directory], tag: int) -> tuple[Any, ...]:
    return next((found for directory in directories if (found := directory.values(tag))), ())


def _number(directories: list[Directory], tag: int) -> float | None:
    """Return the tag's first value as a finite number."""
    found = _values(directories, tag)
    value = found[0] if found else None
    if isinstance(value, tuple):
        value = value[0] / value[1] if value[1] else None
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _integer(directories: list[Directory], tag: int) -> int:
    value = _number(directories, tag)
    return int(value) if value is not None else 0


def _text(directories: list[Directory], tag: int) -> str:
    return next((text for directory in directories if (text := directory.text(tag))), "")[:200]
