"""The markers of a JPEG: size, kind, scans and metadata, without decoding. Source: ITU-T T.81.

Of a file with several pictures (MPO, motion photos, trailers) only the first is looked at.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import Final

from photo.errors import damaged, short, unsupported
from photo.header import MAX_METADATA, Header, check_size

MAX_SCANS: Final = 100
"""Scans of one photo; encoders write about 10. Each walks over the whole picture."""
MAX_SCANNED_PIXELS: Final = 1_500_000_000
"""Pixels times scans: 1 ns each. A photo of 100 megapixels may have 15 scans."""
_MAX_SEGMENTS: Final = 10_000
_ENTROPY_END: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The next marker after entropy-coded data: neither a stuffed zero, nor a restart, nor fill bytes."""
_MARKER: Final = re.compile(rb"\xff[^\x00\xff]")
_EXIF: Final = b"Exif\0\0"
_XMP: Final = b"http://ns.adobe.com/xap/1.0/\0"
_ICC: Final = b"ICC_PROFILE\0"
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a segment."""
_NEEDED: Final = frozenset({0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDD, 0xE0, 0xEE})
"""Segments that a decoder needs: frame, tables, scans, restarts, and the two that name the colour space."""
_FRAMES: Final = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_UNREAD: Final = {
    0xC3: "A lossless JPEG",
    0xC5: "A hierarchical JPEG",
    0xC6: "A hierarchical JPEG",
    0xC7: "A lossless JPEG",
    0xC9: "A JPEG with arithmetic coding",
    0xCA: "A JPEG with arithmetic coding",
    0xCB: "A lossless JPEG",
    0xCD: "A hierarchical JPEG",
    0xCE: "A hierarchical JPEG",
    0xCF: "A lossless JPEG",
}


@dataclass(slots=True)
class Jpeg:
    """What the markers say.

    ``parts``: the (start, end) of what a decoder needs. ``inverted``: Adobe's marker is there, and CMYK is
    stored as its complement.
    """

    progressive: bool = False
    width: int = 0
    height: int = 0
    components: list[tuple[int, int]] = field(default_factory=list)
    scans: int = 0
    parts: list[tuple[int, int]] = field(default_factory=list)
    inverted: bool = False
    interleaved: bool = True
    exif: bytes | None = None
    xmp: bytes | None = None
    icc: dict[int, bytes] = field(default_factory=dict)

    @property
    def buffered(self) -> bool:
        """Whether the decoder keeps the coefficients of the whole picture."""
        return self.progressive or not self.interleaved or self.scans > 1

    def bare(self, data: bytes) -> bytes:
        """Return the file without metadata and without bytes between its parts."""
        view = memoryview(data)
        return b"\xff\xd8" + b"".join(view[start:end] for start, end in self.parts) + b"\xff\xd9"


def read(data: bytes) -> Header:
    """Return the facts. Raises `PhotoError` for a JPEG that is short, damaged or of an unread kind."""
    found = Jpeg()
    position = 2
    for _ in range(_MAX_SEGMENTS):
        marker = _MARKER.search(data, position)
        if marker is None:
            raise short("data" if found.scans else "header")
        code = data[marker.end() - 1]
        if code == 0xD9:
            break
        if code == 0xD8:
            raise damaged("it begins twice")
        if code in _BARE:
            position = marker.end()
            continue
        position = _segment(found, data, code, marker.end())
        if code in _NEEDED:
            found.parts.append((marker.start(), position))
    else:
        raise damaged("it has too many segments")
    return _header(found)


def _segment(found: Jpeg, data: bytes, code: int, position: int) -> int:
    """Take in the segment after a marker; return where the next marker is searched."""
    part = "data" if found.scans else "header"
    if position + 2 > len(data):
        raise short(part)
    length = int.from_bytes(data[position : position + 2], "big")
    end = position + length
    if length < 2:
        raise damaged("a segment has no length")
    if end > len(data):
        raise short(part)
    body = data[position + 2 : end]
    if code in _FRAMES:
        _frame(found, code, body)
    elif code == 0xDA:
        return _scan(found, data, body, end)
    elif code in {0xE1, 0xE2, 0xEE}:
        _application(found, body)
    elif code == 0xDC:
        raise unsupported("A JPEG that states its height after its data")
    elif code < 0xC0:
        raise damaged("unknown data lie between its parts")
    return end


def _frame(found: Jpeg, code: int, body: bytes) -> None:
    if found.components:
        raise damaged("it states its size twice")
    if code in _UNREAD:
        raise unsupported(_UNREAD[code], "Save it as an ordinary JPEG")
    if len(body) < 6 or len(body) < 6 + 3 * body[5]:
        raise damaged("its size is cut off")
    bits, found.height, found.width, count = struct.unpack_from(">BHHB", body)
    if bits != 8:
        raise unsupported(f"A JPEG with {bits} bits a sample", "Save it with 8 bits")
    if count not in {1, 3, 4}:
        raise unsupported(f"A JPEG with {count} colour channels")
    if not found.width or not found.height:
        raise unsupported("A JPEG that does not state its size")
    check_size(found.width, found.height)  # before its scans are counted against its size
    found.progressive = code == 0xC2
    for index in range(count):
        factors = body[7 + 3 * index]
        across, down = factors >> 4, factors & 15
        if not 1 <= across <= 4 or not 1 <= down <= 4:
            raise damaged("its sampling factors are impossible")
        found.components.append((across, down))


def _scan(found: Jpeg, data: bytes, body: bytes, start: int) -> int:
    if not found.components:
        raise damaged("its data come before its size")
    if not body or len(body) < 1 + 2 * body[0] + 3:
        raise damaged("a scan's head is cut off")
    found.interleaved &= body[0] == len(found.components)
    found.scans += 1
    marker = _ENTROPY_END.search(data, start)
    if marker is None:
        raise short("data")
    pixels = found.width * found.height
    if found.scans > MAX_SCANS or found.scans * pixels > MAX_SCANNED_PIXELS:
        raise unsupported(
            f"A JPEG with {found.scans} scans or more of {found.width} x {found.height} pixels",
            "Save it as a baseline JPEG",
        )
    return marker.start()


def _application(found: Jpeg, body: bytes) -> None:
    if body.startswith(_EXIF) and found.exif is None:
        found.exif = body[6:]
    elif body.startswith(_XMP) and found.xmp is None:
        found.xmp = body[len(_XMP) :]
    elif body.startswith(_ICC) and len(body) > 14:
        found.icc.setdefault(body[12], body[14:])
    elif body.startswith(b"Adobe"):
        found.inverted = True


def _header(found: Jpeg) -> Header:
    if not found.scans:
        raise damaged("it holds no picture")
    pixels = found.width * found.height
    channels = len(found.components)
    output = pixels * (3 if channels < 4 else 4 + 4 + 3)
    profile = b"".join(found.icc[number] for number in sorted(found.icc))
    return Header(
        format="JPEG",
        width=found.width,
        height=found.height,
        channels=channels,
        # Turning upright copies the pixels once the coefficients are freed.
        decode_bytes=max(output + _coefficients(found), 2 * 3 * pixels),
        icc=profile if 0 < len(profile) <= MAX_METADATA else None,
        exif=found.exif,
        xmp=found.xmp,
        detail=found,
    )


def _coefficients(found: Jpeg) -> int:
    """Return the bytes of all coefficients, 2 a sample, where the decoder keeps them."""
    if not found.buffered:
        return 0
    most_across = max(across for across, _ in found.components)
    most_down = max(down for _, down in found.components)
    blocks = 0
    for across, down in found.components:
        wide = -(-found.width // (8 * most_across)) * across
        high = -(-found.height // (8 * most_down)) * down
        blocks += wide * high
    return blocks * 128
