"""Reads the photo of a scene, upright, to compare it with the scene's picture.

It reads as the inference role does, or the two pictures would differ in more than the scene: alpha is
dropped, colour profiles are not applied, mirrored photos are turned. Runs in a worker, because the file comes
from a customer.
"""

from __future__ import annotations

import io
import warnings
from functools import cache
from typing import Any, Final

import numpy as np
import pi_heif
from PIL import Image, ImageOps, UnidentifiedImageError

from bus.contract.limits import MAX_PHOTO_PIXELS, PHOTO_MEDIA_TYPES
from export_consumer.errors import PhotoUnreadableError

_FORMATS: Final = sorted(PHOTO_MEDIA_TYPES.keys() - {"MPO"})
"""The only parsers in use; MPO opens as JPEG."""
_BROKEN: Final = (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError, RuntimeError, KeyError)
"""The errors that Pillow and its decoders raise on damaged files."""


def read(data: bytes) -> Image.Image:
    """Return the photo, upright, as RGB. Raises `PhotoUnreadableError`."""
    _prepare()
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PHOTO_PIXELS:  # from the header, before pixels are decoded
                raise PhotoUnreadableError(f"The photo has {image.width} x {image.height} pixels: too many.")
            image.load()
            return _rgb(ImageOps.exif_transpose(image))
    except _BROKEN as error:
        raise PhotoUnreadableError(f"The photo cannot be read: {error}.") from error


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode[:1] in {"I", "F"}:  # more than 8 bits of grey; Pillow would cut them off at 255
        grey = np.asarray(image).astype(np.float32) * (255 if image.mode == "F" else 1 / 257)
        return Image.fromarray(_rounded(grey)).convert("RGB")
    if image.mode == "P":  # through RGBA, because a palette index is not a grey level
        image = image.convert("RGBA")
    return image.convert("RGB")


def _rounded(grey: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    rounded: np.ndarray[Any, np.dtype[np.uint8]] = np.rint(np.nan_to_num(grey).clip(0, 255)).astype(np.uint8)
    return rounded


@cache
def _prepare() -> None:
    """Configure Pillow for this process: HEIF on, its bomb check off in favour of ours, its warnings off."""
    pi_heif.register_heif_opener()
    Image.MAX_IMAGE_PIXELS = None
    warnings.filterwarnings("ignore", module=r"PIL\.")
