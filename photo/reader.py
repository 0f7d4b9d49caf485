"""The one reader of photos: facts, a verdict, upright sRGB pixels, and renditions.

Pure functions of bytes: no files, no threads, no state but the libraries' configuration (`prepare`). They are
made to run in a worker process with limits; a call takes at most 1 GB of address space and some seconds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec import Struct

from bus.contract import limits
from bus.contract.messages import FocalSource
from photo import colour, exif, focal, heif, jpeg, pixels, png, projection, raw, rendition, tiff, turns, webp
from photo.errors import (
    PhotoEmptyError,
    PhotoTooLargeError,
    not_a_photo,
    short,
    unsupported,
)
from photo.exif import Exif
from photo.header import Header, check_memory, check_size
from photo.pixels import prepare
from photo.turns import Allocate, Pixels

__all__ = ["Facts", "Picture", "check", "inspect", "link_picture_of", "pictures_of", "prepare", "read"]

_VIDEO: Final = frozenset({b"isom", b"iso2", b"mp41", b"mp42", b"qt  ", b"M4V ", b"3gp4", b"3gp5"})


class Facts(Struct, frozen=True, kw_only=True):
    """What a photo's container says. ``width`` and ``height`` of the upright photo.

    ``projection``: `photo.projection.projection`, None for an ordinary photo.
    """

    media_type: str
    width: int
    height: int
    projection: str | None = None


class Picture(NamedTuple):
    """A photo ready for a model. ``focal_px`` counts pixels of the full photo, whatever ``pixels`` has."""

    pixels: Pixels
    facts: Facts
    focal_px: float
    focal_source: FocalSource


def inspect(data: bytes) -> Facts:
    """Return the facts without decoding a pixel. Raises `PhotoError`."""
    header = _header(data)
    return _facts(header, exif.read(header.exif))


def check(data: bytes, inspected: Callable[[Facts], None] = lambda _: None) -> Facts:
    """Read a photo to its last pixel and return its facts; ``inspected`` gets them before.

    Raises `PhotoError`.
    """
    header = _header(data)
    facts = _facts(header, exif.read(header.exif))
    inspected(facts)
    pixels.verify(data, header)
    return facts


def read(
    data: bytes,
    *,
    focal_px: float | None = None,
    focal_mm: float | None = None,
    least: int | None = None,
    allocate: Allocate | None = None,
) -> Picture:
    """Return the photo. ``focal_px`` wins over ``focal_mm`` (35 mm equivalent), both over EXIF.

    ``least``: the pixels may come reduced, with a longer side of no fewer than that; None for all pixels.
    ``allocate``: returns the memory for the pixels. Raises `PhotoError`, or `FocalLengthError`.
    """
    header = _header(data)
    camera = exif.read(header.exif)
    facts = _facts(header, camera)
    px, source = focal.focal_px(camera, facts.width, facts.height, stated_px=focal_px, stated_mm=focal_mm)
    return Picture(_upright(data, header, camera, least, allocate), facts, px, source)


def pictures_of(data: bytes) -> rendition.Pictures:
    """Return the photo's rendition and thumbnail. Raises `PhotoError`."""
    header = _header(data)
    return rendition.encode(_upright(data, header, exif.read(header.exif), rendition.LONGEST))


def link_picture_of(data: bytes, suffix: str) -> bytes:
    """Return the picture as `rendition.link_picture` encodes it. Raises `PhotoError`."""
    header = _header(data)
    upright = _upright(data, header, exif.read(header.exif), rendition.LONGEST_OF_LINK)
    return rendition.link_picture(upright, suffix)


def _upright(
    data: bytes, header: Header, camera: Exif, least: int | None, allocate: Allocate | None = None
) -> Pixels:
    straight = header.orientation == 1
    stored = pixels.stored(data, header, least, allocate if straight else None)
    channels = 1 if stored.ndim == 2 else stored.shape[2]
    converted = colour.srgb(stored, colour.conversion(header, camera, channels))
    if straight and header.format == "JPEG" and converted is stored and least is None:
        return converted  # it lies in that memory already
    del stored
    return turns.upright(converted, header.orientation, allocate)


def _facts(header: Header, camera: Exif) -> Facts:
    width, height = header.upright
    return Facts(
        media_type=limits.PHOTO_MEDIA_TYPES[header.format],
        width=width,
        height=height,
        projection=projection.projection(camera, header.xmp, width, height),
    )


def _header(data: bytes) -> Header:
    """Return the checked header. Raises `PhotoError`."""
    if not data:
        raise PhotoEmptyError("The file is empty; choose the photo again.")
    if len(data) > limits.MAX_PHOTO_BYTES:
        raise PhotoTooLargeError(
            f"The photo is larger than {limits.MAX_PHOTO_BYTES // 1024**2} MiB; send a smaller or more"
            " compressed one.",
            limit=limits.MAX_PHOTO_BYTES,
        )
    header = _parser(data)(data)
    check_size(header.width, header.height)
    check_memory(header)
    if header.format in {"JPEG", "PNG", "WEBP"}:
        header.orientation = exif.read(header.exif).orientation
    return header


def _parser(data: bytes) -> Callable[[bytes], Header]:
    """Return the reader of the container that the first bytes name. Raises `PhotoUnsupportedError`."""
    if maker := raw.head(data):
        raise unsupported(f"A camera raw file ({maker})", "Develop it and save it as JPEG")
    for magic, parser in ((b"\xff\xd8\xff", jpeg.read), (png.SIGNATURE, png.read)):
        if data.startswith(magic):
            return parser
        if len(data) < len(magic) and magic.startswith(data):
            raise short("header")
    if data[:4] in {b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"}:
        return tiff.read
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp.read
    if data[4:8] == b"ftyp":
        return _of_boxes(data)
    raise not_a_photo()


def _of_boxes(data: bytes) -> Callable[[bytes], Header]:
    brands = heif.brands(data)
    if brands & (heif.STILL_BRANDS | heif.SEQUENCE_BRANDS):
        return heif.read
    if brands & _VIDEO:
        raise unsupported("A video", "Save one picture of it")
    raise not_a_photo()
