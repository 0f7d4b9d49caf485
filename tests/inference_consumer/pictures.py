"""Photos for tests: known pixels in every format, and invalid files."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def quadrants(width: int = 64, height: int = 48) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return red, green / blue, white, each a quarter, which identifies orientation and channels."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (200, 40, 40)
    pixels[: height // 2, width // 2 :] = (40, 200, 40)
    pixels[height // 2 :, : width // 2] = (40, 40, 200)
    pixels[height // 2 :, width // 2 :] = (220, 220, 220)
    return pixels


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return the image encoded in a format of Pillow's."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photo(width: int = 64, height: int = 48, kind: str = "PNG", **options: Any) -> bytes:
    """Return a valid photo."""
    return encoded(Image.fromarray(quadrants(width, height)), kind, **options)


def exif_bytes(*, orientation: int | None = None, focal35: Any = None, focal: Any = None) -> bytes:
    """Return EXIF data with these tags."""
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
    """Return a PNG with almost no data that claims a size, like a decompression bomb."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 64)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
