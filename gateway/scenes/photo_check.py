"""Checks a photo before it is accepted: format, size, completeness. Pure functions for a worker process.

The consumer decodes and checks again. Here the caller still waits for the answer, so each defect has its own
code and message. The header is checked before any pixel is decoded.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import Any, Final

import pi_heif
from PIL import AvifImagePlugin, Image, UnidentifiedImageError

from bus.contract.limits import MAX_PHOTO_BYTES, MAX_PHOTO_PIXELS, MIN_PHOTO_SIDE, PHOTO_MEDIA_TYPES
from gateway.errors import DomainError

ACCEPTED: Final = "JPEG, PNG, WebP, HEIC/HEIF, AVIF or TIFF"
_ORIENTATION: Final = 0x0112
_GPS: Final = 0x8825
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
_UPRIGHT_ALREADY: Final = frozenset({"HEIF", "TIFF"})
"""Formats whose decoder applies the orientation and already reports the upright size."""
_BROKEN_EXIF: Final = (SyntaxError, ValueError, TypeError, OSError, EOFError)
_FORMATS: Final = sorted(
    PHOTO_MEDIA_TYPES.keys() - {"MPO"}
)  # MPO opens as JPEG; no other parser is reachable
_UNSEEN: Final = (b"eXIf", b"Raw profile type", b"XML:com.adobe.xmp")
"""PNG chunks that may be compressed or follow the picture. They are not read and count as a location."""
_PHOTO_HEAD: Final = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|II\*\0|MM\0\*|RIFF....WEBP|....ftyp(hei|mif1|msf1|avi[fs])", re.DOTALL
)
"""First bytes of files that are photos even where Pillow cannot read the rest."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PhotoFacts:
    """Facts of the header: size in pixels of the upright photo, media type of the bytes, and more.

    ``located``: it states where the photo was taken, or may do so in a part that is not read.
    """

    width: int
    height: int
    media_type: str
    located: bool


def prepare() -> None:
    """Set Pillow up for this process: enable HEIF, and replace its decompression-bomb check by ours.

    Pillow's warns at 89 megapixels through a process-wide filter; ours refuses above the documented limit.
    Everything is loaded now: a worker opens no file later.
    """
    pi_heif.register_heif_opener()
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the workers are the parallelism
    pi_heif.options.DECODE_THREADS = 1
    Image.MAX_IMAGE_PIXELS = None
    Image.init()


def too_large() -> DomainError:
    """Return the error of a photo over the limit."""
    return DomainError(
        "photo_too_large",
        f"The photo is larger than {MAX_PHOTO_BYTES // 1024**2} MiB; send a smaller or more compressed one.",
        limit=MAX_PHOTO_BYTES,
    )


def inspect(photo: bytes) -> PhotoFacts:
    """Read the header only. Raises `DomainError` photo_empty, unsupported_media_type, photo_too_small, ..."""
    if not photo:
        raise DomainError("photo_empty", "The file is empty; choose the photo again.")
    image = _open(photo)
    width, height = image.size
    if width * height > MAX_PHOTO_PIXELS:
        raise DomainError(
            "photo_too_many_pixels",
            f"The photo has {width} x {height} pixels; at most {MAX_PHOTO_PIXELS // 1_000_000} megapixels"
            " are accepted. Scale it down.",
            width=width,
            height=height,
            limit=MAX_PHOTO_PIXELS,
        )
    if min(width, height) < MIN_PHOTO_SIDE:
        raise DomainError(
            "photo_too_small",
            f"The photo has {width} x {height} pixels; each side needs at least {MIN_PHOTO_SIDE}.",
            width=width,
            height=height,
            limit=MIN_PHOTO_SIDE,
        )
    if _orientation(image) in _SIDEWAYS:
        width, height = height, width
    return PhotoFacts(
        width=width,
        height=height,
        media_type=PHOTO_MEDIA_TYPES[str(image.format)],
        located=_located(image, photo),
    )


def verify(photo: bytes) -> None:
    """Read to the last pixel, as cheaply as the format allows. Raises `DomainError` photo_truncated.

    JPEG at an eighth of the size: the entropy decoder still reads every byte (15 ms for 12 megapixels
    instead of 90). PNG: only the checksums. Other formats are decoded in full.
    """
    image = _open(photo)
    try:
        if image.format == "PNG":
            image.verify()
            return
        image.draft("RGB", (image.width // 8, image.height // 8))
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        raise DomainError(
            "photo_truncated", "The photo's data is damaged or ends too early; send the whole file again."
        ) from error


def _open(photo: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(photo), formats=_FORMATS)  # BytesIO shares the bytes until written to
    except UnidentifiedImageError as error:
        raise _unsupported(photo) from error
    except (OSError, SyntaxError, ValueError, EOFError, RuntimeError) as error:
        raise DomainError(
            "photo_truncated", "The photo's header is damaged or ends too early; send the whole file again."
        ) from error


def _unsupported(photo: bytes) -> DomainError:
    if _PHOTO_HEAD.match(photo):
        return DomainError("photo_truncated", "The photo ends within its header; send the whole file again.")
    return DomainError(
        "unsupported_media_type",
        f"The file is not a photo that can be read, whatever its name says. Send {ACCEPTED}.",
    )


def _orientation(image: Any) -> int:
    """Return EXIF's orientation, 1 where unknown. PNG's own `getexif` would decode the whole photo."""
    if image.format in _UPRIGHT_ALREADY:
        return 1
    try:
        return int(_exif(image).get(_ORIENTATION, 1))
    except _BROKEN_EXIF:
        return 1


def _located(image: Any, photo: bytes) -> bool:
    """Return whether EXIF or XMP state where the photo was taken; True also where that is unknown."""
    if b"GPSLatitude" in photo or (image.format == "PNG" and any(chunk in photo for chunk in _UNSEEN)):
        return True
    try:
        return _GPS in _exif(image)
    except _BROKEN_EXIF:
        return True


def _exif(image: Any) -> Image.Exif:
    if image.format in {"JPEG", "MPO", "TIFF"}:
        found: Image.Exif = image.getexif()
        return found
    exif = Image.Exif()
    if (raw := image.info.get("exif")) is not None:
        exif.load(raw)
    return exif
