"""Breaks photo files in their structure: markers, tags, boxes, chunks. The same seed, the same files."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np

from tests.photo.files import (
    HEIC,
    TiffWriter,
    chunk,
    encoded,
    exif,
    heif,
    irot,
    jpeg_segment,
    nclx,
    noise,
    png,
    quarters,
    riff,
    riff_chunks,
    strip_tags,
    tiff,
    with_exif,
    with_segments,
)

EDGES = (
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
)
"""Numbers at which sizes, counts and offsets go wrong."""
XMP = b"http://ns.adobe.com/xap/1.0/\0<x GPano:ProjectionType='equirectangular'/>"


def seeds() -> list[bytes]:
    """Return small whole files of every format and of many kinds."""
    pixels = noise(64, 48)
    camera = exif(
        {274: (3, [6])},
        {0x920A: (5, [(50, 1)]), 0xA405: (3, [26]), 0xA20E: (5, [(4000, 1)])},
        {1: (2, b"R03\0")},
    )
    jpeg = encoded(pixels, "JPEG", quality=85)
    grey16 = (np.arange(64 * 48).reshape(48, 64) * 20).astype(np.uint16)
    avif = encoded(pixels, "AVIF", quality=60)
    small = TiffWriter(">")
    page = small.directory(strip_tags(small, pixels, 2, rows=10))
    first = {**strip_tags(small, quarters(20, 20), 2), 254: (4, [1]), 330: (4, [page])}
    return [
        jpeg,
        encoded(pixels, "JPEG", progressive=True),
        encoded(pixels, "JPEG", restart_marker_blocks=2),
        with_exif(encoded(pixels[..., 0], "JPEG"), camera),
        with_segments(jpeg, jpeg_segment(0xE1, XMP), jpeg_segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(200))),
        png(pixels, 2),
        png(grey16, 0, 16, chunk(b"gAMA", struct.pack(">I", 100_000)), chunk(b"eXIf", camera)),
        png(
            pixels,
            2,
            8,
            chunk(b"cICP", bytes([9, 16, 0, 1])),
            chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(300))),
        ),
        encoded(pixels, "WEBP"),
        encoded(pixels, "WEBP", lossless=True),
        riff(
            (b"VP8X", b"\x08\0\0\0" + b"\x3f\0\0" + b"\x2f\0\0"),
            *riff_chunks(encoded(pixels, "WEBP")),
            (b"EXIF", camera),
        ),
        avif,
        heif(avif, [irot(1), nclx(12, 13)], brand=b"avif", block=camera),
        HEIC.read_bytes(),
        heif(HEIC.read_bytes(), [irot(3), nclx(9, 18)], block=camera, xmp=XMP),
        heif(HEIC.read_bytes(), grid=(2, 2, 100, 90)),
        tiff(pixels, 2),
        tiff((pixels / 255).astype(np.float32), 2, order=">"),
        tiff(grey16, 0, big=True, rows=7),
        small.done(small.directory(first)),
        *(
            encoded(pixels, "TIFF", compression=name)
            for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
        ),
    ]


def numbers(data: bytes) -> list[tuple[int, int]]:
    """Return (offset, bytes) of the numbers that the container's structure is made of."""
    if data[:2] == b"\xff\xd8":
        found = list(_markers(data))
    elif data[:4] == b"\x89PNG":
        found = list(_chunks(data))
    elif data[:4] == b"RIFF":
        found = list(_riff(data))
    elif data[4:8] == b"ftyp":
        found = list(_boxes(data))
    else:
        found = list(_tags(data))
    return found or [(0, min(4, len(data)))]


def _markers(data: bytes) -> Iterator[tuple[int, int]]:
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        yield from ((at + 1, 1), (at + 2, 2))
        yield from ((at + 4 + n, 1) for n in range(min(size - 2, 24)) if at + 4 + n < len(data))
        if data[at + 1] == 0xDA:
            return
        at += 2 + size


def _chunks(data: bytes) -> Iterator[tuple[int, int]]:
    at = 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        yield from ((at, 4), (at + 4, 4))
        yield from ((at + 8 + n, 1) for n in range(min(size, 16)))
        at += 12 + size


def _riff(data: bytes) -> Iterator[tuple[int, int]]:
    yield 4, 4
    at = 12
    while at + 8 <= len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        yield from ((at, 4), (at + 4, 4))
        yield from ((at + 8 + n, 1) for n in range(min(size, 12)))
        at += 8 + size + (size & 1)


def _boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[tuple[int, int]]:
    at, end = start, len(data) if end is None else end
    while at + 8 <= end:
        size, name = struct.unpack_from(">I4s", data, at)
        yield from ((at, 4), (at + 4, 4))
        if size < 8 or at + size > end:
            return
        if name in {b"meta", b"iprp", b"ipco"}:
            yield from _boxes(data, at + (12 if name == b"meta" else 8), at + size)
        elif name != b"mdat":
            yield from ((at + 8 + n, 1) for n in range(min(size - 8, 40)))
        at += size


def _tags(data: bytes) -> Iterator[tuple[int, int]]:
    order = "little" if data[:2] == b"II" else "big"
    at = int.from_bytes(data[4:8], order)  # type: ignore[arg-type]
    yield 4, 4
    if at + 2 <= len(data):
        yield at, 2
        for n in range(int.from_bytes(data[at : at + 2], order)):  # type: ignore[arg-type]
            entry = at + 2 + 12 * n
            if entry + 12 > len(data):
                return
            yield from ((entry, 2), (entry + 2, 2), (entry + 4, 4), (entry + 8, 4))


def _number(rng: random.Random, data: bytearray) -> None:
    at, size = rng.choice(numbers(bytes(data)))
    value = rng.choice(EDGES) if rng.random() < 0.7 else rng.getrandbits(8 * size)
    data[at : at + size] = (value % (1 << 8 * size)).to_bytes(size, rng.choice(["big", "little"]))


def _bits(rng: random.Random, data: bytearray) -> None:
    for _ in range(rng.choice([1, 1, 2, 8, 64])):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _cut(rng: random.Random, data: bytearray) -> None:
    del data[rng.randrange(4, len(data)) :]


def _zeros(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    size = min(rng.choice([1, 16, 512]), len(data) - at)
    data[at : at + size] = bytes([rng.choice([0, 0xFF])]) * size


def _lost(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(4, len(data))
    del data[at : at + rng.choice([1, 2, 16, 500])]


def _twice(rng: random.Random, data: bytearray) -> None:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.choice([1, 8, 100, 2000])]


MUTATIONS: tuple[Callable[[random.Random, bytearray], None], ...] = (
    _number,
    _number,
    _number,
    _bits,
    _cut,
    _zeros,
    _lost,
    _twice,
)


def mended(data: bytes) -> bytes:
    """Return a PNG with right checksums, so that its chunks are read; other files as they are."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        return data
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        size = int.from_bytes(out[at : at + 4], "big")
        if at + 12 + size > len(out):
            break
        out[at + 8 + size : at + 12 + size] = struct.pack(">I", zlib.crc32(out[at + 4 : at + 8 + size]))
        at += 12 + size
    return bytes(out)


def mutated(seed: int, whole: list[bytes]) -> bytes:
    """Return the file of a seed: one of the whole ones, broken one to four times."""
    rng = random.Random(seed)
    data = bytearray(rng.choice(whole))
    for _ in range(rng.choice([1, 1, 2, 4])):
        if len(data) > 8:
            rng.choice(MUTATIONS)(rng, data)
    return mended(bytes(data)) if rng.random() < 0.8 else bytes(data)
