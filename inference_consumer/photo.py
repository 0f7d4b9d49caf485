"""Decodes bytes into an upright sRGB photo with its focal length. Pure functions for a worker process.

Photos are validated again, because commands can arrive without the gateway. Colours are treated as sRGB
whatever profile is embedded, and alpha is dropped, not composited, as in the model's training. Mirrored
photos (EXIF orientation 2, 4, 5, 7) are turned upright, unlike in SHARP's own tool.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pi_heif
from PIL import AvifImagePlugin, Image, UnidentifiedImageError

from bus.contract import limits
from bus.contract.messages import FocalSource
from inference_consumer import exif
from inference_consumer.errors import (
    FocalLengthError,
    PhotoError,
    PhotoTooLargeError,
    PhotoTooManyPixelsError,
    PhotoTooSmallError,
    PhotoTruncatedError,
)
from inference_consumer.models import Photo, Pixels

_FORMATS: Final = sorted(limits.PHOTO_MEDIA_TYPES.keys() - {"MPO"})
"""The only parsers in use; MPO opens as JPEG."""
_BROKEN: Final = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, KeyError)
"""The errors that Pillow and its decoders raise on damaged files."""
_BAND: Final = 256
"""Rows that are converted at once."""
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation -> the operation that turns it upright; 1 and invalid values need none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoLimits:
    """The limits of an accepted photo."""

    max_bytes: int = limits.MAX_PHOTO_BYTES
    max_pixels: int = limits.MAX_PHOTO_PIXELS
    min_side: int = limits.MIN_PHOTO_SIDE


def prepare() -> None:
    """Configure Pillow for this process: HEIF on, its bomb check off in favour of ours, its warnings off.

    Otherwise it warns on stderr of everything that it repairs. Everything is loaded now: a worker opens
    no file later.
    """
    pi_heif.register_heif_opener()
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the workers are the parallelism
    pi_heif.options.DECODE_THREADS = 1
    Image.MAX_IMAGE_PIXELS = None
    Image.init()
    warnings.filterwarnings("ignore", module=r"PIL\.")


def decode(
    data: bytes,
    *,
    focal_px: float | None = None,
    focal_mm: float | None = None,
    allowed: PhotoLimits = PhotoLimits(),
    allocate: Callable[[int, int], Pixels] = lambda height, width: np.empty((height, width, 3), np.uint8),
) -> Photo:
    """Return the upright photo. ``focal_px`` wins over ``focal_mm`` (35 mm equivalent), both over EXIF.

    ``allocate(height, width)`` returns the memory of its pixels.

    Raises `PhotoError` or a subclass, or `FocalLengthError`.
    """
    if len(data) > allowed.max_bytes:
        raise PhotoTooLargeError(
            f"The photo has {len(data)} bytes; at most {allowed.max_bytes} are accepted."
        )
    with _open(data) as image:
        _check_size(image, allowed)  # checked from the header, before pixels are decoded
        _load(image)
        _check_size(image, allowed)
        tags = exif.tags_of(image)
        upright = _turned(image, tags.get(exif.ORIENTATION))
        pixels = allocate(upright.height, upright.width)
        for top in range(0, upright.height, _BAND):  # so that no second whole copy is made
            bottom = min(top + _BAND, upright.height)
            pixels[top:bottom] = _rgb(upright.crop((0, top, upright.width, bottom)))
    height, width = pixels.shape[:2]
    focal, source = _focal(tags, width, height, focal_px, focal_mm)
    return Photo(pixels=pixels, focal_px=focal, focal_source=source)


def _open(data: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError as error:
        raise PhotoError(
            "The file is not a photo that can be read; send JPEG, PNG, WebP, HEIC, AVIF or TIFF."
        ) from error
    except _BROKEN as error:
        raise PhotoTruncatedError(
            "The photo's header is damaged or ends too early; send the whole file again."
        ) from error


def _check_size(image: Image.Image, allowed: PhotoLimits) -> None:
    width, height = image.size
    if width * height > allowed.max_pixels:
        raise PhotoTooManyPixelsError(
            f"The photo has {width} x {height} pixels;"
            f" at most {allowed.max_pixels} are accepted. Scale it down.",
            width=width,
            height=height,
        )
    if min(width, height) < allowed.min_side:
        raise PhotoTooSmallError(
            f"The photo has {width} x {height} pixels; each side needs at least {allowed.min_side}.",
            width=width,
            height=height,
        )


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except _BROKEN as error:
        raise PhotoTruncatedError(
            "The photo's data is damaged or ends too early; send the whole file again."
        ) from error


def _turned(image: Image.Image, orientation: Any) -> Image.Image:
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    if method is None:
        return image
    turned = image.transpose(method)
    image.close()  # a worker's memory holds two copies of the largest photo, not three
    return turned


def _rgb(image: Image.Image) -> Pixels:
    if image.mode[:1] in {"I", "F"}:  # more than 8 bits of grey; Pillow would cut them off at 255
        return np.repeat(_grey8(image)[..., None], 3, axis=2)
    if image.mode == "P":  # through RGBA, because a palette index is not a grey level
        image = image.convert("RGBA")
    try:
        return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
    except _BROKEN as error:
        raise PhotoError(f"The photo's colours ({image.mode}) cannot be read; save it as RGB.") from error


def _grey8(image: Image.Image) -> Pixels:
    """Scale 16-bit integers by 1/257 and floats by 255, both clipped."""
    grey = np.asarray(image).astype(np.float32)
    scaled = grey * 255 if image.mode == "F" else grey / 257
    rounded: Pixels = np.rint(np.nan_to_num(scaled).clip(0, 255)).astype(np.uint8)
    return rounded


def _focal(
    tags: dict[int, Any], width: int, height: int, focal_px: float | None, focal_mm: float | None
) -> tuple[float, FocalSource]:
    """Return the focal length in pixels and where it comes from."""
    stated = focal_px if focal_px is not None else focal_mm
    if stated is not None and not (math.isfinite(stated) and stated > 0):
        raise FocalLengthError(f"A focal length must be a positive number, not {stated}.")
    if focal_px is not None:
        return focal_px, FocalSource.REQUEST
    if focal_mm is not None:
        return exif.pixels_of(focal_mm, width, height), FocalSource.REQUEST
    read = exif.focal_mm(tags)
    if read is not None:
        return exif.pixels_of(read, width, height), FocalSource.EXIF
    return exif.pixels_of(exif.DEFAULT_FOCAL_MM, width, height), FocalSource.DEFAULT
