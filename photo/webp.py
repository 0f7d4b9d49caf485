"""The chunks of a WebP: size and metadata, without decoding. Source: RFC 9649."""

from __future__ import annotations

import struct
from typing import Final

from photo.errors import damaged, short, unsupported
from photo.header import MAX_METADATA, Header

_ANIMATED: Final = 0x02
_MAX_CHUNKS: Final = 1_000
_PIXEL_BYTES: Final = 4 + 4 + 4 + 4 + 3
"""The decoder's two canvases, its answer, Pillow's image, and the result."""


def read(data: bytes) -> Header:
    """Return the facts; ``detail`` is a file of the still picture alone. Raises `PhotoError`."""
    (size,) = struct.unpack_from("<I", data, 4)
    if size + 8 > len(data) + (size & 1):
        raise short("data")
    chunks: dict[bytes, bytes] = {}
    position, end = 12, min(len(data), size + 8)
    for _ in range(_MAX_CHUNKS):
        if position + 8 > end:
            break
        name, length = struct.unpack_from("<4sI", data, position)
        if position + 8 + length > end:
            raise short("data")
        chunks.setdefault(name, data[position + 8 : position + 8 + length])
        position += 8 + length + (length & 1)
    return _header(chunks)


def _header(chunks: dict[bytes, bytes]) -> Header:
    extended = chunks.get(b"VP8X", b"")
    if b"ANIM" in chunks or b"ANMF" in chunks or (extended and extended[0] & _ANIMATED):
        raise unsupported("An animated WebP", "Save one picture of it")
    name = next((each for each in (b"VP8 ", b"VP8L") if each in chunks), None)
    if name is None:
        raise damaged("it holds no picture")
    body = chunks[name]
    width, height = _lossy_size(body) if name == b"VP8 " else _lossless_size(body)
    if len(extended) >= 10:
        canvas = tuple(1 + int.from_bytes(extended[at : at + 3], "little") for at in (4, 7))
        if canvas != (width, height):
            raise damaged("it states two sizes")
    exif = chunks.get(b"EXIF")
    return Header(
        format="WEBP",
        width=width,
        height=height,
        decode_bytes=width * height * _PIXEL_BYTES,
        icc=_bounded(chunks.get(b"ICCP")),
        exif=exif.removeprefix(b"Exif\0\0") if exif and len(exif) <= MAX_METADATA else None,
        xmp=_bounded(chunks.get(b"XMP ")),
        detail=_still(name, body),
    )


def _lossy_size(body: bytes) -> tuple[int, int]:
    if len(body) < 10:
        raise short("header")
    if body[0] & 1 or body[3:6] != b"\x9d\x01\x2a":
        raise damaged("its picture does not begin as one")
    across, down = struct.unpack_from("<HH", body, 6)
    return across & 0x3FFF, down & 0x3FFF


def _lossless_size(body: bytes) -> tuple[int, int]:
    if len(body) < 5:
        raise short("header")
    if body[0] != 0x2F:
        raise damaged("its picture does not begin as one")
    bits = int.from_bytes(body[1:5], "little")
    return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1


def _bounded(body: bytes | None) -> bytes | None:
    return body if body and len(body) <= MAX_METADATA else None


def _still(name: bytes, body: bytes) -> bytes:
    """Return a WebP of the picture alone; without its alpha, which is not used."""
    padded = body + b"\0" * (len(body) & 1)
    return (
        b"RIFF" + struct.pack("<I", 12 + len(padded)) + b"WEBP" + name + struct.pack("<I", len(body)) + padded
    )
