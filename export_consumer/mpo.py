"""Joins the JPEGs of two eyes into a multi-picture file (CIPA DC-007, also called MPO).

Pillow writes such files too, but calls the pictures a large one and a thumbnail, and gives the second none of
the attributes that a pair must have; televisions then show one flat picture.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

_LONG, _RATIONAL, _UNDEFINED, _SRATIONAL = 4, 5, 7, 10
_VERSION, _COUNT, _ENTRIES = 0xB000, 0xB001, 0xB002
_NUMBER, _BASE_VIEW, _ANGLE, _BASELINE = 0xB101, 0xB204, 0xB205, 0xB206
_DISPARITY: Final = 0x020002
"""Several pictures of one moment from different viewpoints, which both eyes may see at once."""
_REPRESENTATIVE: Final = 0x20000000
_MARKER: Final = b"\xff\xe2"
_NAME: Final = b"MPF\0"
_START: Final = b"MM\0*\0\0\0\x08"
"""Big-endian numbers, and the first directory right behind these eight bytes."""
_ENTRY_BYTES: Final = 16


class _Field(NamedTuple):
    """A field of a directory: ``size`` is counted in values; up to four bytes stand in the field itself."""

    tag: int
    kind: int
    size: int
    value: bytes


def joined(left: bytes, right: bytes, *, baseline_mm: float) -> bytes:
    """Return one file of two JPEGs; the first is what readers show that know nothing of pairs."""
    second = _with(right, _attributes(2, baseline_mm, at=len(_START), after=0))
    at = _behind_exif(left) + len(_MARKER) + 2 + len(_NAME)  # of the start, from which offsets are counted
    size = len(left) + len(_segment(_index([(0, 0), (0, 0)], baseline_mm)))
    first = _with(left, _index([(size, 0), (len(second), size - at)], baseline_mm))
    return first + second


def _with(jpeg: bytes, directories: bytes) -> bytes:
    at = _behind_exif(jpeg)
    return jpeg[:at] + _segment(directories) + jpeg[at:]


def _segment(directories: bytes) -> bytes:
    body = _NAME + _START + directories
    return _MARKER + struct.pack(">H", len(body) + 2) + body


def _behind_exif(jpeg: bytes) -> int:
    """Return where the segment goes: behind those of JFIF and Exif, which must come first."""
    at = 2
    while jpeg[at : at + 2] in {b"\xff\xe0", b"\xff\xe1"}:
        at += 2 + struct.unpack_from(">H", jpeg, at + 2)[0]
    return at


def _index(pictures: list[tuple[int, int]], baseline_mm: float) -> bytes:
    """Return the index of (size, offset) and the attributes of the first picture."""
    entries = b"".join(
        struct.pack(">IIIHH", _DISPARITY | (0 if number else _REPRESENTATIVE), size, offset, 0, 0)
        for number, (size, offset) in enumerate(pictures)
    )
    fields = [
        _Field(_VERSION, _UNDEFINED, 4, b"0100"),
        _Field(_COUNT, _LONG, 1, struct.pack(">I", len(pictures))),
        _Field(_ENTRIES, _UNDEFINED, _ENTRY_BYTES * len(pictures), entries),
    ]
    at = len(_START)
    end = at + len(_directory(fields, at=at, after=0))
    return _directory(fields, at=at, after=end) + _attributes(1, baseline_mm, at=end, after=0)


def _attributes(number: int, baseline_mm: float, *, at: int, after: int) -> bytes:
    """Return what the picture of this viewpoint says of itself; 1 is the base, the left eye."""
    baseline = (0 if number == 1 else round(baseline_mm * 1000), 1_000_000)  # metres
    fields = [
        _Field(_VERSION, _UNDEFINED, 4, b"0100"),
        _Field(_NUMBER, _LONG, 1, struct.pack(">I", number)),
        _Field(_BASE_VIEW, _LONG, 1, struct.pack(">I", 1)),
        _Field(_ANGLE, _SRATIONAL, 1, struct.pack(">ii", 0, 1)),  # the axes are parallel
        _Field(_BASELINE, _RATIONAL, 1, struct.pack(">II", *baseline)),
    ]
    return _directory(fields, at=at, after=after)


def _directory(fields: list[_Field], *, at: int, after: int) -> bytes:
    """Return the directory and what does not fit into its fields; ``after``: offset of the next one, or 0."""
    far = at + 2 + 12 * len(fields) + 4
    rows, values = [], b""
    for tag, kind, size, value in fields:
        stored = value if len(value) <= 4 else struct.pack(">I", far + len(values))
        values += b"" if len(value) <= 4 else value
        rows.append(struct.pack(">HHI4s", tag, kind, size, stored))
    return struct.pack(">H", len(fields)) + b"".join(rows) + struct.pack(">I", after) + values
