"""Photos for tests: every accepted format, and invalid photos."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 64, 48


def scene(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Return a picture with detail everywhere, so that truncation anywhere is detected."""
    noise = Image.effect_noise((width, height), 60)
    turned = noise.rotate(90).resize((width, height))
    return Image.merge("RGB", (noise, turned, Image.new("L", noise.size, 90)))


def encoded(kind: str, *, orientation: int | None = None, size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """Return the picture in a format of Pillow's; HEIF comes from a file, as only a decoder is installed."""
    if kind == "HEIF":
        return (Path(__file__).parent / "tiny.heic").read_bytes()
    out, options = io.BytesIO(), {}
    if orientation is not None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options["exif"] = exif
    scene(*size).save(out, kind, **options)
    return out.getvalue()


def png_header_only(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and has almost no data, as a decompression bomb does."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 64)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
