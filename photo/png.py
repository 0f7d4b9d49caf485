"""The chunks of a PNG: size, depth, checksums and metadata, without decoding. Source: PNG, third edition."""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

from photo.errors import damaged, short
from photo.header import MAX_METADATA, Cicp, Gamma, Header

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS: Final = 100_000
"""Chunks of one file: 50 MiB in pieces of 512 bytes."""
_CHANNELS: Final = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS: Final = {0: {1, 2, 4, 8, 16}, 2: {8, 16}, 3: {1, 2, 4, 8}, 4: {8, 16}, 6: {8, 16}}
_PICTURE: Final = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_XMP: Final = b"XML:com.adobe.xmp\0"
_RAW_EXIF: Final = re.compile(rb"Raw profile type (exif|APP1)\0\0")
_PIECE: Final = 1 << 20
_ADAM7: Final = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)
"""x0, y0, step in x, step in y of each interlace pass."""


@dataclass(slots=True)
class Png:
    """The chunks that a decoder needs, as (start, end) in the file, and what the others say."""

    data: bytes
    width: int = 0
    height: int = 0
    depth: int = 8
    colour: int = 2
    interlaced: bool = False
    picture: list[tuple[int, int]] = field(default_factory=list)
    packed: list[tuple[int, int]] = field(default_factory=list)
    chunks: dict[bytes, bytes] = field(default_factory=dict)
    xmp: bytes | None = None
    exif: bytes | None = None

    def bare(self) -> bytes:
        """Return the file without any chunk that is not the picture: no profile, text or animation."""
        return SIGNATURE + b"".join(self.data[start:end] for start, end in self.picture)

    @property
    def raw_bytes(self) -> int:
        """Bytes of the filtered rows, that is of the unpacked IDAT chunks."""
        bits = self.depth * _CHANNELS[self.colour]
        if not self.interlaced:
            return self.height * (1 + (self.width * bits + 7) // 8)
        total = 0
        for x0, y0, dx, dy in _ADAM7:
            across, down = max(0, -(-(self.width - x0) // dx)), max(0, -(-(self.height - y0) // dy))
            total += down * (1 + (across * bits + 7) // 8) if across else 0
        return total


def read(data: bytes) -> Header:
    """Return the facts. Raises `PhotoError` for a PNG that is short or damaged."""
    found = Png(data)
    position = len(SIGNATURE)
    for _ in range(_MAX_CHUNKS):
        if position + 12 > len(data):
            raise short("data" if found.packed else "header")
        length, name = struct.unpack_from(">I4s", data, position)
        end = position + 12 + length
        if length > 0x7FFFFFFF or not name.isalpha():
            raise damaged("a chunk's head is wrong")
        if end > len(data):
            raise short("data" if found.packed else "header")
        view = memoryview(data)[position + 4 : end - 4]
        if zlib.crc32(view) != struct.unpack_from(">I", data, end - 4)[0]:
            raise damaged(f"the checksum of its {name.decode('ascii')} chunk is wrong")
        _chunk(found, name, position, end)
        position = end
        if name == b"IEND":
            break
    else:
        raise damaged("it has too many chunks")
    return _header(found)


def verify(found: Png) -> None:
    """Unpack the rows, piece by piece, and count their bytes. Raises `PhotoTruncatedError`."""
    unpacker, count = zlib.decompressobj(), 0
    try:
        for start, end in found.packed:
            rest: bytes = found.data[start:end]
            while rest and not unpacker.eof:
                count += len(unpacker.decompress(rest, _PIECE))
                rest = unpacker.unconsumed_tail
                if count > found.raw_bytes + _PIECE:
                    return  # more than the picture needs: decoders stop there as well
    except zlib.error as error:
        raise damaged("its compressed data are wrong") from error
    if count < found.raw_bytes:
        raise short("data")


def _chunk(found: Png, name: bytes, start: int, end: int) -> None:
    if not found.picture and name != b"IHDR":
        raise damaged("its header is missing")
    if name in _PICTURE:
        found.picture.append((start, end))
    body = found.data[start + 8 : end - 4] if name != b"IDAT" else b""
    if name == b"IHDR":
        _size(found, body)
    elif name == b"IDAT":
        found.packed.append((start + 8, end - 4))
    elif name in {b"iCCP", b"cICP", b"gAMA", b"cHRM", b"sRGB", b"PLTE"}:
        found.chunks.setdefault(name, body)
    elif name == b"eXIf" and len(body) <= MAX_METADATA:
        found.exif = body
    elif name == b"iTXt" and body.startswith(_XMP):
        found.xmp = _text(body)
    elif name == b"zTXt" and found.exif is None and (head := _RAW_EXIF.match(body)):
        found.exif = _hex_exif(body[head.end() :])


def _size(found: Png, body: bytes) -> None:
    if len(body) != 13 or found.width:
        raise damaged("its header is wrong")
    found.width, found.height, found.depth, found.colour, packing, filters, lace = struct.unpack(
        ">IIBBBBB", body
    )
    known = found.depth in _DEPTHS.get(found.colour, set()) and not packing and not filters and lace < 2
    if not known or not found.width or not found.height:
        raise damaged("its header is wrong")
    found.interlaced = bool(lace)


def _header(found: Png) -> Header:
    if not found.packed:
        raise damaged("it holds no picture")
    if found.colour == 3 and b"PLTE" not in found.chunks:
        raise damaged("its palette is missing")
    pixels = found.width * found.height
    cicp = _cicp(found.chunks.get(b"cICP"))  # wins over a profile
    return Header(
        format="PNG",
        width=found.width,
        height=found.height,
        bits=found.depth,
        channels=_CHANNELS[found.colour],
        decode_bytes=pixels * _pixel_bytes(found) + len(found.data),
        icc=None if cicp else _profile(found.chunks.get(b"iCCP")),
        cicp=cicp,
        gamma=_gamma(found),
        exif=found.exif,
        xmp=found.xmp,
        detail=found,
    )


def _pixel_bytes(found: Png) -> int:
    """Return bytes a pixel: Pillow's image, what it is converted to, and the result."""
    if found.colour == 0:
        return {16: 2 + 4 + 3}.get(found.depth, 1 + 3)
    return {2: 4 + 3, 3: 1 + 4 + 3, 4: 4 + 3, 6: 4 + 3}[found.colour]


def _unpacked(packed: bytes) -> bytes | None:
    """Return unpacked bytes, None if they are damaged or more than `MAX_METADATA`."""
    unpacker = zlib.decompressobj()
    try:
        text = unpacker.decompress(packed, MAX_METADATA)
    except zlib.error:
        return None
    return text if unpacker.eof else None


def _profile(body: bytes | None) -> bytes | None:
    if body is None:
        return None
    name, _, rest = body.partition(b"\0")
    return _unpacked(rest[1:]) if len(name) < 80 and rest[:1] == b"\0" else None


def _cicp(body: bytes | None) -> Cicp | None:
    return Cicp(body[0], body[1]) if body is not None and len(body) == 4 else None


def _gamma(found: Png) -> Gamma | None:
    """Return gAMA and cHRM unless sRGB is stated."""
    gama, chrm = found.chunks.get(b"gAMA"), found.chunks.get(b"cHRM")
    if b"sRGB" in found.chunks or (gama is None and chrm is None):
        return None
    gamma = struct.unpack(">I", gama)[0] / 1e5 if gama is not None and len(gama) == 4 else 0.45455
    xy = tuple(value / 1e5 for value in struct.unpack(">8I", chrm)) if chrm and len(chrm) == 32 else None
    return Gamma(gamma, xy)


def _text(body: bytes) -> bytes | None:
    """Return the text of an iTXt chunk: flag, method, language, translated keyword, text."""
    flag, rest = body[len(_XMP) : len(_XMP) + 1], body[len(_XMP) + 2 :]
    parts = rest.split(b"\0", 2)
    if len(parts) < 3:
        return None
    return _unpacked(parts[2]) if flag == b"\1" else parts[2][:MAX_METADATA]


def _hex_exif(packed: bytes) -> bytes | None:
    """Return EXIF as ImageMagick writes it: a name, a length, then hexadecimal digits."""
    text = _unpacked(packed)
    if text is None:
        return None
    digits = b"".join(text.split()[2:])
    try:
        return bytes.fromhex(digits.decode("ascii")).removeprefix(b"Exif\0\0")
    except ValueError:
        return None
