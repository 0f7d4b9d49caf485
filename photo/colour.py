"""Converts stored pixels to sRGB: by ICC profile, code points, PNG's gamma, or EXIF's colour space.

What states no colour space, or sRGB, keeps its values bit for bit. Alpha is dropped, not composited, as in
the
models' training. Pictures are converted in bands.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from PIL import Image, ImageCms

from photo import hdr, icc
from photo.bands import bands
from photo.code_points import PRIMARIES, TRANSFERS, srgb_linear
from photo.exif import Exif
from photo.header import Cicp, Gamma, Header
from photo.icc import D65, Xy
from photo.turns import Pixels

Array: TypeAlias = "np.ndarray[Any, Any]"
_SRGB: Final = 1
_ADOBE_RGB: Final = 2
"""EXIF's colour space as some cameras write it; the standard says "uncalibrated" and R03."""
_ADOBE: Final[tuple[Xy, Xy, Xy]] = ((0.64, 0.33), (0.21, 0.71), (0.15, 0.06))
_ADOBE_GAMMA: Final = 563 / 256
_SCREEN_GAMMA: Final = 0.45455
_MODES: Final = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_CHANNELS: Final = {"L": 1, "RGB": 3, "CMYK": 4}
_BROKEN: Final = (ImageCms.PyCMSError, OSError, ValueError, TypeError)


class Conversion(NamedTuple):
    """How pixels become sRGB: by an ICC transform from ``mode``, or by HDR's code points, or not at all."""

    transform: Any = None
    mode: str = "RGB"
    cicp: Cicp | None = None


def conversion(header: Header, exif: Exif, channels: int) -> Conversion:
    """Return the conversion of a picture with 1 (grey), 3 (RGB) or 4 (CMYK) channels."""
    profile = header.icc
    cicp = (icc.cicp_of(profile) if profile else None) or (None if profile else header.cicp)
    if cicp is not None and cicp.transfer in hdr.TRANSFERS and channels < 4:
        return Conversion(cicp=cicp)
    for candidate in (profile, _stated(header, exif)):
        if candidate is not None and (found := _by_profile(candidate, channels)) is not None:
            return found
    return Conversion()


def srgb(stored: Array, how: Conversion) -> Pixels:
    """Return (height, width, 3) sRGB. RGB pixels are converted in their own memory where that is writable."""
    height, width = stored.shape[:2]
    if stored.ndim == 3 and stored.shape[2] == 3 and how == Conversion():
        return stored
    own_memory = stored.ndim == 3 and stored.shape[2] == 3 and stored.flags.writeable
    result = stored if own_memory else np.empty((height, width, 3), np.uint8)
    for top, bottom in bands(height, width * 3):
        result[top:bottom] = _band(stored[top:bottom], how)
    return result


def _band(rows: Array, how: Conversion) -> Array:
    if how.cicp is not None:
        return hdr.tone_mapped(_rgb(rows), how.cicp)
    if how.transform is None:
        return _rgb(rows)
    pixels = _rgb(rows) if how.mode == "RGB" else rows
    converted = ImageCms.applyTransform(
        Image.fromarray(np.ascontiguousarray(pixels), how.mode), how.transform
    )
    return np.asarray(converted)


def _rgb(rows: Array) -> Array:
    if rows.ndim == 2:
        return np.repeat(rows[..., None], 3, axis=2)
    if rows.shape[2] == 4:
        return np.asarray(Image.fromarray(np.ascontiguousarray(rows), "CMYK").convert("RGB"))
    return rows


def _by_profile(profile: bytes, channels: int) -> Conversion | None:
    """Return the conversion; None for a broken profile or one of another kind of picture."""
    mode = _MODES.get(icc.space_of(profile))
    fits = mode is not None and (_CHANNELS[mode] == channels or (mode == "RGB" and channels == 1))
    if mode is None or not fits:
        return None
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        transform = ImageCms.buildTransform(source, _target(), mode, "RGB")
        if mode == "RGB" and _changes_nothing(transform):
            return Conversion()
    except _BROKEN:
        return None
    return Conversion(transform=transform, mode=mode)


@cache
def _target() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def _changes_nothing(transform: Any) -> bool:
    """Whether the profile is sRGB by another name: no colour of a grid changes by more than rounding."""
    levels = np.linspace(0, 255, 17).astype(np.uint8)
    grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(17, -1, 3)
    converted = np.asarray(ImageCms.applyTransform(Image.fromarray(grid), transform))
    return bool(np.abs(converted.astype(int) - grid).max() <= 1)


def _stated(header: Header, exif: Exif) -> bytes | None:
    """Return a profile of the colour space that is stated in another way; None for sRGB or nothing."""
    if header.cicp is not None:
        return _of_cicp(header.cicp)
    if header.gamma is not None:
        return _of_gamma(header.gamma)
    space, shared = exif.colour_space, exif.interoperability
    if space == _ADOBE_RGB or (shared == "R03" and space != _SRGB):
        return icc.matrix_profile(_ADOBE, D65, lambda value: value**_ADOBE_GAMMA)
    return None


def _of_cicp(cicp: Cicp) -> bytes | None:
    primaries, linear = PRIMARIES.get(cicp.primaries), TRANSFERS.get(cicp.transfer, srgb_linear)
    if primaries is None and linear is srgb_linear:
        return None
    corners, white = primaries or PRIMARIES[1]
    return icc.matrix_profile(corners, white, linear)


def _of_gamma(found: Gamma) -> bytes | None:
    if not 0.1 <= found.gamma <= 10:
        return None
    white, red, green, blue = PRIMARIES[1][1], *PRIMARIES[1][0]
    if found.xy is not None:
        white, red, green, blue = ((found.xy[n], found.xy[n + 1]) for n in (0, 2, 4, 6))
    screen = abs(found.gamma - _SCREEN_GAMMA) < 0.01
    linear = srgb_linear if screen else lambda value: value ** (1 / found.gamma)
    try:
        return icc.matrix_profile((red, green, blue), white, linear)
    except (np.linalg.LinAlgError, ZeroDivisionError, OverflowError):
        return None
