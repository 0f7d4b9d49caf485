"""Photos for tests: known pixels in every format, and every way to be wrong."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def quadrants(width: int = 64, height: int = 48) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Red, green / blue, white, each a quarter: what is up, what is left and which channel is which."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (200, 40, 40)
    pixels[: height // 2, width // 2 :] = (40, 200, 40)
    pixels[height // 2 :, : width // 2] = (40, 40, 200)
    pixels[height // 2 :, width // 2 :] = (220, 220, 220)
    return pixels


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """The image in a format of Pillow's."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(width: int = 64, height: int = 48, kind: str = "PNG", **options: Any) -> bytes:
    """A good photo."""
    return encoded(Image.fromarray(quadrants(width, height)), kind, **options)


def exif_bytes(*, orientation: int | None = None, focal35: Any = None, focal: Any = None) -> bytes:
    """EXIF with these tags."""
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    camera = exif.get_ifd(0x8769)
    if focal35 is not None:
        camera[0xA405] = focal35
    if focal is not None:
        camera[0x920A] = focal
    return exif.tobytes()


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of next to no data that claims a size: what a decompression bomb looks like at first."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 64)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
