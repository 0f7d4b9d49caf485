"""The rendition: the photo for people's eyes, which everything shows, without metadata."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import simplejpeg
from PIL import Image

from photo.turns import Pixels

LONGEST: Final = 1_600
"""Pixels of the longer side."""
MEDIA_TYPE: Final = "image/jpeg"
"""A WebP of the same look takes eight times as long, up to 62 ms for 1536 x 1024, for half the bytes."""
SUFFIX: Final = ".jpg"
_QUALITY: Final = 85
LONGEST_OF_LINK: Final = 1_200
"""What link previews show at most; messengers leave out pictures above 300 kB."""
_LINK_QUALITY: Final = 75


def encode(pixels: Pixels) -> bytes:
    """Return upright sRGB pixels as JPEG without metadata, scaled down to `LONGEST` where they are larger."""
    return _jpeg(_scaled(pixels, LONGEST), _QUALITY)


def link_picture(pixels: Pixels, suffix: str) -> bytes:
    """Return them for link previews: at most `LONGEST_OF_LINK`, as ``webp`` or else as JPEG."""
    scaled = _scaled(pixels, LONGEST_OF_LINK)
    if suffix != "webp":
        return _jpeg(scaled, _LINK_QUALITY)
    file = io.BytesIO()
    Image.fromarray(scaled).save(file, "webp", quality=_LINK_QUALITY, method=2)
    return file.getvalue()


def _scaled(pixels: Pixels, longest: int) -> Pixels:
    height, width = pixels.shape[:2]
    share = longest / max(width, height)
    if share >= 1:
        return pixels
    size = max(1, round(width * share)), max(1, round(height * share))
    # Hamming is as quick as bilinear, and sharper.
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.HAMMING))


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    made: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420"
    )
    return made
