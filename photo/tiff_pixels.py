"""Decodes the photo's page of a TIFF to 8 bits: integers of 1 to 32 bits, signed ones, and floats.

Lossless compressions are undone by libtiff as if the page were bytes, whatever its samples are, and the
samples
are read here, some rows at a time. JPEG and CCITT pages are decoded by libtiff.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from PIL import Image

from photo.bands import bands
from photo.tiff import PICTORIAL, Page

Array: TypeAlias = "np.ndarray[Any, Any]"

_LONG: Final = 4
_SHORT: Final = 3
_COPIED: Final = (266, 292, 293, 347, 529, 530, 531, 532)
"""Tags that pictorial compressions need: fill order, fax options, JPEG's tables, YCbCr."""


def decode(data: bytes, page: Page) -> Array:
    """Return the stored pixels: (H, W) grey, (H, W, 3) RGB or (H, W, 4) CMYK, uint8.

    Raises OSError or ValueError where the data are damaged.
    """
    if page.compression in PICTORIAL:
        return _pictorial(data, page)
    planes = page.samples if page.planar else 1
    channels = 3 if page.photometric == 3 else page.colours
    result = np.empty((page.height, page.width, channels), np.uint8)
    sources = [_Rows(data, page, plane) for plane in range(planes)]
    for top, bottom in bands(page.height, page.columns * page.row_bytes * 8 // page.bits):
        samples = np.concatenate([_samples(page, source.band(top, bottom)) for source in sources], axis=2)
        result[top:bottom] = _colours(page, samples)
    return result[..., 0] if channels == 1 else result


class _Rows:
    """The unpacked rows of one plane, as bytes; the padding of tiles included."""

    def __init__(self, data: bytes, page: Page, plane: int) -> None:
        down = -(-page.height // page.rows)
        count = page.columns * down
        self._page, self._data = page, data
        self._segments = page.segments[plane * count : (plane + 1) * count]
        self._image = None if page.compression == 1 else self._unpacked()

    def band(self, top: int, bottom: int) -> Array:
        """Return rows as (rows, columns of segments, bytes of a segment's row)."""
        page = self._page
        if self._image is not None:
            rows = np.asarray(self._image.crop((0, top, self._image.width, bottom)))
        else:
            rows = np.stack([self._row(y) for y in range(top, bottom)])
        return rows.reshape(bottom - top, page.columns, page.row_bytes)

    def _row(self, y: int) -> Array:
        page = self._page
        first, offset = y // page.rows * page.columns, y % page.rows * page.row_bytes
        starts = [start + offset for start, _ in self._segments[first : first + page.columns]]
        pieces = [self._data[start : start + page.row_bytes] for start in starts]
        return np.frombuffer(b"".join(pieces), np.uint8)

    def _unpacked(self) -> Image.Image:
        page = self._page
        tags = [
            (256, _LONG, [page.columns * page.row_bytes]),
            (258, _SHORT, [8]),
            (262, _SHORT, [1]),
            (277, _SHORT, [1]),
        ]
        if page.tiled:
            tags.append((322, _LONG, [page.row_bytes]))
        return _image(self._data, page, tags, self._segments)


def _pictorial(data: bytes, page: Page) -> Array:
    copied = [
        (tag, page.source.entries[tag].kind, page.source.values(tag))
        for tag in _COPIED
        if tag in page.source and tag != 347
    ]
    tags = [
        (256, _LONG, [page.width]),
        (258, _SHORT, [page.bits] * page.samples),
        (262, _SHORT, [page.photometric]),
        (277, _SHORT, [page.samples]),
        *copied,
    ]
    if page.planar:
        tags.append((284, _SHORT, [2]))
    if page.tiled:
        tags.append((322, _LONG, [page.across]))
    image = _image(data, page, tags, page.segments)
    if image.mode not in {"1", "L", "RGB", "CMYK"}:
        image = image.convert("RGB")
    return np.asarray(image.convert("L") if image.mode == "1" else image)


def _image(
    data: bytes, page: Page, tags: Sequence[tuple[int, int, Sequence[Any]]], segments: list[tuple[int, int]]
) -> Image.Image:
    """Return the loaded picture of a directory that is written behind the data, without the file's own."""
    order = page.source.reader.order
    first, second, rows = (324, 325, 323) if page.tiled else (273, 279, 278)
    tags = [
        *tags,
        (257, _LONG, [page.height]),
        (259, _SHORT, [page.compression]),
        (rows, _LONG, [page.rows]),
        (first, _LONG, [start for start, _ in segments]),
        (second, _LONG, [count for _, count in segments]),
    ]
    tables = page.source.raw(347) if page.compression == 7 else b""
    at = len(data) + len(data) % 2
    body, entries = b"", b""
    count = len(tags) + bool(tables)
    end = at + 2 + 12 * count + 4
    packed = [(tag, kind, len(values), _packed(order, kind, values)) for tag, kind, values in tags]
    if tables:
        packed.append((347, 7, len(tables), tables))
    for tag, kind, number, value in sorted(packed):
        if len(value) > 4:
            value_or_offset = struct.pack(order + "I", end + len(body))
            body += value + b"\0" * (len(value) % 2)
        else:
            value_or_offset = value.ljust(4, b"\0")
        entries += struct.pack(order + "HHI", tag, kind, number) + value_or_offset
    head = data[:2] + struct.pack(order + "HI", 42, at)
    directory = struct.pack(order + "H", count) + entries + bytes(4) + body
    file = io.BytesIO(b"".join((head, memoryview(data)[8:], bytes(len(data) % 2), directory)))
    with Image.open(file, formats=["TIFF"]) as image:
        image.load()
        return image


def _packed(order: str, kind: int, values: Sequence[Any]) -> bytes:
    code = {1: "B", _SHORT: "H", _LONG: "I"}.get(kind)
    if code:
        return struct.pack(f"{order}{len(values)}{code}", *values)
    return b"".join(struct.pack(order + "II", *value) for value in values)  # rationals


def _samples(page: Page, rows: Array) -> Array:
    """Return the samples of a band, (rows, width, channels), as numbers in the machine's order."""
    height = len(rows)
    channels = 1 if page.planar else page.samples
    if page.predictor == 3:
        numbers = _floats(page, rows, channels)
    else:
        numbers = _numbers(page, rows).reshape(height, page.columns, -1, channels)
        numbers = numbers[:, :, : page.across]
        if page.predictor == 2:
            numbers = np.cumsum(numbers, axis=2, dtype=numbers.dtype)
    return numbers.reshape(height, -1, channels)[:, : page.width]


def _numbers(page: Page, rows: Array) -> Array:
    """Return the samples of each segment's row as the file states them."""
    order, bits = page.source.reader.order, page.bits
    if page.form == 3 and bits == 24:
        return _float24(rows, order)
    if bits in {8, 16, 32, 64}:
        code = {1: "u", 2: "i", 3: "f"}[page.form]
        kept = rows[..., : rows.shape[-1] // (bits // 8) * (bits // 8)]
        return np.ascontiguousarray(kept).view(f"{order}{code}{bits // 8}").astype(f"{code}{bits // 8}")
    flags = np.unpackbits(np.ascontiguousarray(rows), axis=2)
    count = flags.shape[2] // bits
    if not page.planar:
        count -= count % page.samples
    flags = flags[..., : count * bits].reshape(*flags.shape[:2], count, bits)
    if bits % 8 == 0 and order == "<":  # 24 bits: whole bytes, the low one first
        flags = flags.reshape(*flags.shape[:3], -1, 8)[..., ::-1, :].reshape(flags.shape)
    return flags @ (1 << np.arange(bits - 1, -1, -1, dtype=np.uint32))


def _floats(page: Page, rows: Array, channels: int) -> Array:
    """Undo the predictor of floats (Adobe's technical note 3): bytes summed up, then joined."""
    size = page.bits // 8
    count = page.across * channels
    summed = rows[..., : count * size].reshape(*rows.shape[:2], -1, channels)
    summed = np.cumsum(summed, axis=2, dtype=np.uint8).reshape(*rows.shape[:2], size, count)
    joined = np.ascontiguousarray(np.moveaxis(summed, 2, 3)).reshape(*rows.shape[:2], count * size)
    if size == 3:
        return _float24(joined, ">").reshape(*rows.shape[:2], -1, channels)
    return joined.view(f">f{size}").astype(f"f{size}").reshape(*rows.shape[:2], -1, channels)


def _float24(rows: Array, order: str) -> Array:
    """Return floats of 1 sign, 7 exponent and 16 mantissa bits (DNG)."""
    parts = rows[..., : rows.shape[-1] // 3 * 3].reshape(*rows.shape[:-1], -1, 3).astype(np.int32)
    high, middle, low = (parts[..., n] for n in ((2, 1, 0) if order == "<" else (0, 1, 2)))
    mantissa = 1 + (middle * 256 + low) / 65536
    values: Array = np.ldexp(mantissa, (high & 127) - 63) * np.where(high & 128, -1.0, 1.0)
    return values


def _colours(page: Page, samples: Array) -> Array:
    """Return a band's colours as uint8, without alpha."""
    if page.photometric == 3:
        palette = np.array(page.source.integers(320)).reshape(3, -1) // 256
        return palette.T.astype(np.uint8)[samples[..., 0]]
    colours = samples[..., : page.colours]
    if page.alpha is not None:
        colours = _divided(page, colours, samples[..., page.alpha])
    eight = _eight_bits(page, colours)
    return 255 - eight if page.photometric == 0 else eight


def _divided(page: Page, colours: Array, alpha: Array) -> Array:
    """Return the colours as they were before they were multiplied by alpha."""
    most = 1.0 if page.form == 3 else float((1 << (page.bits - (page.form == 2))) - 1)
    share = np.maximum(alpha.astype(np.float64)[..., None], 1e-9 if page.form == 3 else 1) / most
    straight = colours / share
    return straight.astype(colours.dtype) if page.form == 3 else straight.clip(0, most).astype(colours.dtype)


def _eight_bits(page: Page, colours: Array) -> Array:
    """Scale to 0..255: floats from 0..1, signed integers from 0, all clipped. Colours of 16 bits are cut off.

    Grey is rounded, colour is not: as Pillow does, so that photos look the same in every format.
    """
    if page.form == 1 and page.bits == 8:
        return colours.astype(np.uint8)
    if page.form == 1 and page.colours > 1 and page.bits in {16, 32}:
        return (colours >> (page.bits - 8)).astype(np.uint8)
    most = 1.0 if page.form == 3 else float((1 << (page.bits - (page.form == 2))) - 1)
    scaled = np.nan_to_num(colours.astype(np.float64), posinf=most, neginf=0.0) * (255 / most)
    eight: Array = np.rint(scaled.clip(0, 255)).astype(np.uint8)
    return eight
