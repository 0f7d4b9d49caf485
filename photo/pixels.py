"""Decodes the stored pixels of every format: (H, W) grey, (H, W, 3) RGB or (H, W, 4) CMYK, uint8.

Every library gets what its format's reader has checked, where possible a file of the picture alone.
"""

from __future__ import annotations

import io
import warnings
from typing import Any, Final, TypeAlias

import numpy as np
import pi_heif
from PIL import AvifImagePlugin, Image

from photo import jpeg_pixels, png, tiff_pixels
from photo.bands import bands
from photo.errors import PhotoError, PhotoTooManyPixelsError, damaged, short
from photo.header import Header
from photo.turns import Allocate

Array: TypeAlias = "np.ndarray[Any, Any]"

_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, KeyError, TypeError, IndexError)
"""The errors that the libraries raise for damaged files."""


def prepare() -> None:
    """Configure the libraries for this process, and load all that they would open later. Idempotent.

    No threads: a worker may not start any. Pillow's own limit of pixels is replaced by ours, and what it
    repairs
    and warns of is not printed.
    """
    Image.init()
    Image.MAX_IMAGE_PIXELS = None
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    options = pi_heif.options
    options.DECODE_THREADS = 0
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    warnings.filterwarnings("ignore", module=r"PIL\.")


def verify(data: bytes, header: Header) -> None:
    """Read to the last pixel, as cheaply as the format allows. Raises `PhotoTruncatedError`.

    JPEG is decoded at an eighth of its size, PNG only unpacked, uncompressed TIFF was checked by its header.
    """
    if header.format == "JPEG":
        jpeg_pixels.verify(data, header.detail)
    elif header.format == "PNG":
        png.verify(header.detail)
    elif header.format != "TIFF" or header.detail.compression != 1:
        stored(data, header)


def stored(data: bytes, header: Header, least: int | None = None, allocate: Allocate | None = None) -> Array:
    """Return the pixels as stored; with ``least`` a JPEG may come reduced (`jpeg_pixels.decode`).

    RGB of a JPEG lies in the memory of ``allocate``. Raises `PhotoTruncatedError`, or
    `PhotoTooManyPixelsError` where memory runs out.
    """
    try:
        found = _decoded(data, header, least, allocate)
    except PhotoError:
        raise
    except MemoryError as error:
        raise PhotoTooManyPixelsError("The photo needs too much memory; scale it down.") from error
    except _BROKEN as error:
        text = str(error).lower()
        if "truncated" in text or "end of file" in text:
            raise short("data") from error
        raise damaged("its compressed data are wrong") from error
    if least is None and found.shape[:2] != (header.height, header.width):
        raise damaged("it states another size than its data have")
    return found


def _decoded(data: bytes, header: Header, least: int | None, allocate: Allocate | None) -> Array:
    match header.format:
        case "JPEG":
            return _complemented(jpeg_pixels.decode(data, header.detail, least, allocate), header)
        case "TIFF":
            return tiff_pixels.decode(data, header.detail)
        case "HEIF":
            return _heif(data)
        case "PNG":
            png.verify(header.detail)  # Pillow leaves rows black that are missing
            return _pillow(header.detail.bare(), "PNG")
        case "WEBP":
            return _pillow(header.detail, "WEBP")
        case _:
            return _pillow(data, "AVIF")


def _complemented(pixels: Array, header: Header) -> Array:
    """Turn CMYK round that Adobe's programs store as its complement."""
    if header.channels == 4 and header.detail.inverted:
        np.subtract(255, pixels, out=pixels)
    return pixels


def _heif(data: bytes) -> Array:
    file = pi_heif.open_heif(io.BytesIO(data))
    if file.premultiplied_alpha:
        return _pillow_pixels(file.to_pillow())
    pixels = np.asarray(file)
    colours = (
        pixels[..., :3] if pixels.ndim == 3 and pixels.shape[2] >= 3 else pixels.reshape(pixels.shape[:2])
    )
    return colours.copy()  # the library's memory ends with the file


def _pillow(file: bytes, name: str) -> Array:
    with Image.open(io.BytesIO(file), formats=[name]) as image:
        image.load()
        return _pillow_pixels(image)


def _pillow_pixels(image: Image.Image) -> Array:
    """Return grey or RGB; alpha dropped, palettes looked up, grey of 16 bits divided by 257."""
    grey = image.mode in {"1", "L", "LA", "La"} or image.mode[:1] in {"I", "F"}
    result = np.empty((image.height, image.width) if grey else (image.height, image.width, 3), np.uint8)
    for top, bottom in bands(image.height, image.width * 4):
        band = image.crop((0, top, image.width, bottom))
        result[top:bottom] = _grey(band) if grey else _rgb(band)
    return result


def _grey(band: Image.Image) -> Array:
    if band.mode[:1] in {"I", "F"}:  # Pillow would cut them off at 255
        values = np.asarray(band).astype(np.float32)
        scaled = values * 255 if band.mode == "F" else values / 257
        rounded: Array = np.rint(np.nan_to_num(scaled).clip(0, 255)).astype(np.uint8)
        return rounded
    return np.asarray(band if band.mode == "L" else band.convert("L"))


def _rgb(band: Image.Image) -> Array:
    if band.mode in {"P", "PA", "RGBa"}:  # through RGBA, because a palette index is not a grey level
        band = band.convert("RGBA")
    return np.asarray(band if band.mode == "RGB" else band.convert("RGB"))
