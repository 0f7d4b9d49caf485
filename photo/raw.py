"""Recognises camera raw files and other containers that only look like photos, so that the answer says so."""

from __future__ import annotations

from typing import Final

from photo.tags import Directory

_HEADS: Final = (
    (0, b"FUJIFILMCCD-RAW", "Fujifilm"),
    (0, b"FOVb", "Sigma"),
    (0, b"IIRO", "Olympus"),
    (0, b"IIRS", "Olympus"),
    (0, b"MMOR", "Olympus"),
    (0, b"IIU\0", "Panasonic"),
    (0, b"\0MRM", "Minolta"),
    (0, b"IIII", "Phase One"),
    (0, b"ARRIRAW", "Arri"),
    (4, b"ftypcrx ", "Canon"),
    (6, b"HEAPCCDR", "Canon"),
    (8, b"CR\2", "Canon"),
    (8, b"IIII", "Phase One"),
)
"""Offset and first bytes of raw files -> whose."""
_DNG_VERSION: Final = 50706
_SENSOR: Final = frozenset({32803, 34892})
"""Photometric interpretations of a sensor's data: a colour filter array, and linear raw."""
_COMPRESSIONS: Final = frozenset({32767, 32769, 32770, 34713, 34892, 65000, 65535})
"""Compressions of Sony, Samsung, Nikon, DNG, Kodak, Pentax."""
_RAW_TAGS: Final = frozenset({33421, 33422, 50752, 50829})
"""The size and the pattern of a colour filter array, Canon's slices, DNG's active area."""


def head(data: bytes) -> str | None:
    """Return whose raw file it is by its first bytes, None where they are of none."""
    return next((maker for at, magic, maker in _HEADS if data[at : at + len(magic)] == magic), None)


def is_raw(page: Directory) -> bool:
    """Whether a directory of a TIFF is a sensor's data, or belongs to a DNG."""
    return (
        _DNG_VERSION in page
        or page.number(262, -1) in _SENSOR
        or page.number(259) in _COMPRESSIONS
        or any(tag in page for tag in _RAW_TAGS)
    )
