"""What the bytes of a container say of the photo before any pixel is decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from bus.contract.limits import MAX_PHOTO_PIXELS, MIN_PHOTO_SIDE
from photo.errors import PhotoTooManyPixelsError, PhotoTooSmallError

MAX_SIDE: Final = 65_500
"""Pixels of the longer side; JPEG's own limit. Every format of an export can hold such a camera."""
MAX_DECODE_BYTES: Final = 640 * 1024 * 1024
"""What decoding may allocate by estimate: with the file and the interpreter it stays below 1 GB."""
MAX_METADATA: Final = 4 * 1024 * 1024
"""Bytes of an ICC profile, of EXIF or of XMP, unpacked; more is not read. CMYK profiles have up to 3 MB."""
SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""EXIF orientations that exchange width and height."""


class Cicp(NamedTuple):
    """Coding-independent code points (ITU-T H.273): colour primaries and transfer characteristics."""

    primaries: int
    transfer: int


class Gamma(NamedTuple):
    """PNG's gAMA and cHRM: ``gamma`` (0.45455 for a screen), ``xy`` of white, red, green, blue."""

    gamma: float
    xy: tuple[float, ...] | None


@dataclass(kw_only=True, slots=True)
class Header:
    """The facts of one container.

    ``width`` and ``height`` as stored; ``orientation`` (EXIF's number) turns what the decoder returns
    upright.
    ``decode_bytes``: the most that decoding allocates at once, the result included. ``detail`` is the
    container's own, for its decoder.
    """

    format: str
    width: int
    height: int
    decode_bytes: int = 0
    orientation: int = 1
    bits: int = 8
    channels: int = 3
    icc: bytes | None = None
    cicp: Cicp | None = None
    gamma: Gamma | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    detail: Any = None
    tags: Mapping[int, Any] = field(default_factory=dict)

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height of the photo as a person sees it."""
        sideways = self.orientation in SIDEWAYS
        return (self.height, self.width) if sideways else (self.width, self.height)


def check_size(width: int, height: int) -> None:
    """Raise `PhotoTooManyPixelsError` or `PhotoTooSmallError` for a size outside the documented limits."""
    if width * height > MAX_PHOTO_PIXELS or max(width, height) > MAX_SIDE:
        raise PhotoTooManyPixelsError(
            f"The photo has {width} x {height} pixels; at most {MAX_PHOTO_PIXELS // 1_000_000} megapixels"
            f" and {MAX_SIDE} pixels a side are accepted. Scale it down.",
            width=width,
            height=height,
            limit=MAX_PHOTO_PIXELS,
        )
    if min(width, height) < MIN_PHOTO_SIDE:
        raise PhotoTooSmallError(
            f"The photo has {width} x {height} pixels; each side needs at least {MIN_PHOTO_SIDE}.",
            width=width,
            height=height,
            limit=MIN_PHOTO_SIDE,
        )


def check_memory(header: Header) -> None:
    """Raise `PhotoTooManyPixelsError` where decoding would take more than `MAX_DECODE_BYTES`."""
    if header.decode_bytes <= MAX_DECODE_BYTES:
        return
    pixels = header.width * header.height
    most = pixels * MAX_DECODE_BYTES // header.decode_bytes
    raise PhotoTooManyPixelsError(
        f"The photo has {header.width} x {header.height} pixels; of this kind of {header.format} at most"
        f" {most / 1e6:.0f} megapixels are accepted. Scale it down, or save it as JPEG.",
        width=header.width,
        height=header.height,
        limit=most,
    )
