"""The items of a HEIF or AVIF file: size, rotation, colour and metadata, without decoding.

Sources: ISO/IEC 23008-12 (HEIF), AV1 Image File Format.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import numpy as np

from photo.boxes import Items, boxes, items
from photo.errors import damaged, short, unsupported
from photo.header import MAX_METADATA, Cicp, Header
from photo.turns import orientation_of

STILL_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"mif1", b"mif2", b"miaf", b"avif"})
SEQUENCE_BRANDS: Final = frozenset({b"avis", b"msf1", b"hevc", b"hevx", b"hevm", b"hevs"})
_CODED: Final = {b"hvc1": "HEIF", b"av01": "AVIF"}
_MAX_TILES: Final = 1_024
_MAX_WASTE: Final = 2
"""Pixels of all tiles, as a multiple of the picture's: phones' grids have tiles of 512 pixels."""
_XMP: Final = b"application/rdf+xml"


@dataclass(frozen=True, slots=True)
class Coded:
    """How the picture is coded: bits a sample, whether chroma is subsampled, and whether it has alpha."""

    format: str
    bits: int
    grey: bool
    subsampled: bool
    alpha: bool


def brands(data: bytes) -> set[bytes]:
    """Return the brands of the ``ftyp`` box at the beginning, the major one among them."""
    size = min(int.from_bytes(data[:4], "big"), 512)
    return {data[8:12], *(data[at : at + 4] for at in range(16, size - 3, 4))}


def read(data: bytes) -> Header:
    """Return the facts. Raises `PhotoError` for a file that is short, damaged or of an unread kind."""
    if data[8:12] in SEQUENCE_BRANDS:
        raise unsupported("A sequence of pictures", "Save one picture of it")
    meta = next((box for box in boxes(data, 0, len(data)) if box.name == b"meta"), None)
    if meta is None or not meta.whole:
        raise short("header")
    try:
        return _header(data, items(data, meta))
    except (struct.error, IndexError) as error:
        raise damaged("its boxes contradict each other") from error


def _header(data: bytes, found: Items) -> Header:
    item = found.primary
    if item is None or item not in found.types:
        raise damaged("it names no picture")
    tiles = _tiles(found, item)
    _check_extents(data, found, [item, *tiles])
    width, height = _stated(found, item)
    if found.types[item] == b"grid":
        _check_grid(data, found, item, tiles, (width, height))
    coded = _coded(found, item, tiles[0] if tiles else item)
    if coded.format == "HEIF":
        _check_names(found)
    width, height, orientation = _transformed(found, item, width, height, apply=coded.format == "HEIF")
    icc, cicp = _colour(found, [item, *tiles[:1]])
    return Header(
        format=coded.format,
        width=width,
        height=height,
        bits=coded.bits,
        channels=1 if coded.grey else 3,
        decode_bytes=_decode_bytes(coded, width * height, sideways=orientation > 4),
        orientation=orientation,
        icc=icc,
        cicp=cicp,
        exif=_exif(data, found, item),
        xmp=_xmp(data, found),
        detail=coded,
    )


def _tiles(found: Items, item: int) -> list[int]:
    kind = found.types[item]
    if kind in _CODED:
        return []
    if kind != b"grid":
        name = kind.decode("ascii", "replace")
        raise unsupported(f"A HEIF whose picture is of the kind {name!r}")
    tiles = found.references.get((b"dimg", item), [])
    if not tiles or len(tiles) > _MAX_TILES:
        raise damaged("its tiles are missing")
    if any(found.types.get(tile) not in _CODED for tile in tiles):
        raise unsupported("A HEIF with tiles of this kind")
    return tiles


def _check_extents(data: bytes, found: Items, every: list[int]) -> None:
    for item in every:
        if not found.extents.get(item):
            raise damaged("a part of its picture has no data")
        if found.end(item) > len(data):
            raise short("data")


def _check_names(found: Items) -> None:
    """Raise `PhotoDamagedError` for a name that is no text: pi-heif 1.4.0 ends its process at it."""
    try:
        for name in (*found.types.values(), *found.mimes.values()):
            name.decode()
    except UnicodeDecodeError as error:
        raise damaged("an item has an impossible kind") from error


def _stated(found: Items, item: int) -> tuple[int, int]:
    for name, body in found.of(item):
        if name == b"ispe" and len(body) >= 12:
            width, height = struct.unpack_from(">II", body, 4)
            if width and height:
                return width, height
    raise damaged("it does not state its size")


def _check_grid(data: bytes, found: Items, item: int, tiles: list[int], size: tuple[int, int]) -> None:
    """Raise `PhotoDamagedError` unless the tiles cover the picture, and little more."""
    body = found.content(data, item, 12)
    wide = 4 if body[1] & 1 else 2
    rows, columns = body[2] + 1, body[3] + 1
    stated = tuple(int.from_bytes(body[4 + wide * n : 4 + wide * (n + 1)], "big") for n in (0, 1))
    across, down = _stated(found, tiles[0])
    if any(_stated(found, tile) != (across, down) for tile in tiles):
        raise damaged("its tiles differ in size")
    covered = across * columns >= size[0] and down * rows >= size[1]
    # A small picture may lie in one row of large tiles.
    most = max(_MAX_WASTE * size[0] * size[1], 4 * 1024 * 1024)
    if stated != size or len(tiles) != rows * columns or not covered:
        raise damaged("its tiles do not fit its size")
    if across * down * len(tiles) > most:
        raise unsupported("A HEIF whose tiles are larger than its picture")


def _coded(found: Items, item: int, first: int) -> Coded:
    bits, grey, subsampled = 8, False, True
    for name, body in found.of(first):
        if name == b"hvcC" and len(body) >= 18:
            bits, subsampled, grey = 8 + (body[17] & 7), (body[16] & 3) < 3, not body[16] & 3
        elif name == b"av1C" and len(body) >= 3:
            bits = (12 if body[2] & 0x20 else 10) if body[2] & 0x40 else 8
            grey, subsampled = bool(body[2] & 0x10), bool(body[2] & 0x0C)
    alpha = any(name == b"auxl" and item in to for (name, _), to in found.references.items())
    return Coded(_CODED[found.types[first]], bits, grey, subsampled, alpha)


def _transformed(found: Items, item: int, width: int, height: int, *, apply: bool) -> tuple[int, int, int]:
    """Return the size and the EXIF orientation that irot and imir amount to, in the item's order.

    ``apply``: the decoder crops and turns itself, so that the size is the upright one. EXIF's own orientation
    does not count in HEIF and AVIF.
    """
    turned = np.arange(4).reshape(2, 2)
    for name, body in found.of(item):
        if name == b"irot" and body:
            turned = np.rot90(turned, body[0] & 3)
            if apply and body[0] & 1:
                width, height = height, width
        elif name == b"imir" and body:
            turned = turned[:, ::-1] if body[0] & 1 else turned[::-1]
        elif name == b"clap" and apply and len(body) >= 32:
            width, height = _cropped(body, width, height)
    return width, height, 1 if apply else orientation_of(turned)


def _cropped(body: bytes, width: int, height: int) -> tuple[int, int]:
    above, below, high, deep = struct.unpack_from(">iiii", body)
    if below <= 0 or deep <= 0 or not 0 < above // below <= width or not 0 < high // deep <= height:
        raise damaged("its crop is impossible")
    return above // below, high // deep


def _colour(found: Items, every: list[int]) -> tuple[bytes | None, Cicp | None]:
    icc, cicp = None, None
    for item in every:
        for name, body in found.of(item):
            kind = body[:4] if name == b"colr" else b""
            if kind in {b"prof", b"rICC"} and icc is None and len(body) <= MAX_METADATA:
                icc = body[4:]
            elif kind == b"nclx" and len(body) >= 8 and cicp is None:
                cicp = Cicp(*struct.unpack_from(">HH", body, 4))
    return icc, cicp


def _decode_bytes(coded: Coded, pixels: int, *, sideways: bool) -> int:
    """Return an estimate: planes, the library's interleaved copy, Pillow's image for AVIF, the result."""
    wide = 2 if coded.bits > 8 else 1
    planes = (1.5 if coded.subsampled else 3) + (1 if coded.alpha else 0)
    interleaved = 4 if coded.alpha else 3
    if coded.format == "AVIF":
        return int(pixels * max(planes * wide + interleaved + 4, 4 + 3 + (3 if sideways else 0)))
    return int(pixels * (planes * wide * 2 + interleaved + 3))


def _exif(data: bytes, found: Items, item: int) -> bytes | None:
    """Return the EXIF block that describes the picture: its item begins with an offset."""
    described = [
        each
        for each, kind in found.types.items()
        if kind == b"Exif" and item in found.references.get((b"cdsc", each), [item])
    ]
    body = found.content(data, described[0], MAX_METADATA) if described else b""
    if len(body) < 8:
        return None
    start = 4 + int.from_bytes(body[:4], "big")
    return body[start:] if start < len(body) else None


def _xmp(data: bytes, found: Items) -> bytes | None:
    for item, mime in found.mimes.items():
        if mime == _XMP:
            return found.content(data, item, MAX_METADATA)
    return None
