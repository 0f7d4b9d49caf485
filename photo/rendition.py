"""The photo for people's eyes, without metadata: the rendition, and for lists of scenes the thumbnail."""

from __future__ import annotations

import io
from typing import Final, NamedTuple

import numpy as np
import simplejpeg
from PIL import Image

from photo.turns import Pixels

LONGEST: Final = 1_600
"""Pixels of the longer side."""
MEDIA_TYPE: Final = "image/jpeg"
"""A WebP of the same look takes eight times as long, up to 62 ms for 1536 x 1024, for half the bytes.

Of a thumbnail it takes 3 to 6 ms, a JPEG 0.3, for 12 to 28 kB and not 17 to 30.
"""
SUFFIX: Final = ".jpg"
_QUALITY: Final = 85
LONGEST_OF_THUMBNAIL: Final = 480
"""Pixels of its longer side, for a tile of a list."""
_THUMBNAIL_QUALITY: Final = 80
LONGEST_OF_LINK: Final = 1_200
"""What link previews show at most; messengers leave out pictures above 300 kB."""
_LINK_QUALITY: Final = 75


class Pictures(NamedTuple):
    """The encoded files of one photo, both as `MEDIA_TYPE`."""

    rendition: bytes
    thumbnail: bytes


def encode(pixels: Pixels) -> Pictures:
    """Return upright sRGB pixels as JPEGs without metadata, scaled down where they are larger.

    At most `LONGEST` and `LONGEST_OF_THUMBNAIL` pixels; the smaller is scaled from the larger.
    """
    scaled = _scaled(pixels, LONGEST)
    return Pictures(_jpeg(scaled, _QUALITY), _jpeg(_scaled(scaled, LONGEST_OF_THUMBNAIL), _THUMBNAIL_QUALITY))


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
    # Hamming is as quick as bilinear, and sharper. What is three times as large or more is halved first by
    # averages: 5 and not 8 ms from 1536 to 480, where no eye sees it (42 to 44 dB against Lanczos).
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.HAMMING, reducing_gap=1.5))


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    made: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420"
    )
    return made
