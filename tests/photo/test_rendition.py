"""Rendition and thumbnail say nothing but their pixels, whatever the photo's file carries.

| class | members | source |
|---|---|---|
| places | EXIF GPS, in a second directory, XMP, IPTC, PNG text, trailers, a second picture | idno/idno#288, sview#138, mastodon#22948 |
| people and devices | artist, serial numbers, comments, maker notes | |
| looks | upright, sRGB, at most 1600 and 480 pixels, every format | AdventureLog#599, WeddingShare#5 |
"""  # noqa: E501

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from photo import reader, rendition
from tests.photo.files import (
    HEIC,
    TiffWriter,
    centres,
    chunk,
    encoded,
    exif,
    heif,
    jpeg_segment,
    png,
    quarters,
    tiff,
    with_exif,
    with_segments,
)

SECRET = b"Elm Street 12"
PLAIN = encoded(quarters(), "JPEG", quality=95)
PICTURE_ALONE = {0xE0, 0xDB, 0xC0, 0xC4, 0xDA}
"""JFIF's head, tables and pixels; neither APP1 to APP15 nor a comment."""
GPS = {1: (2, b"N\0"), 2: (5, [(47, 1), (22, 1), (38, 1)]), 29: (2, SECRET + b"\0")}


def second_directory() -> bytes:
    writer = TiffWriter()
    thumbnail = writer.directory({0x8825: (4, [writer.directory(GPS)])})
    return writer.done(writer.directory({271: (2, b"Acme\0")}, thumbnail))


@pytest.mark.parametrize(
    "data",
    [
        with_exif(PLAIN, exif(gps=GPS)),
        with_exif(PLAIN, second_directory()),
        with_exif(PLAIN, exif({315: (2, SECRET)}, {0xA431: (2, SECRET), 0x927C: (7, SECRET)})),
        with_segments(
            PLAIN,
            jpeg_segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x12\x1c\x02\x5c\0\x0d" + SECRET),
        ),
        with_segments(PLAIN, jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)),
        with_segments(PLAIN, jpeg_segment(0xFE, SECRET), jpeg_segment(0xE2, b"MPF\0" + SECRET)),
        PLAIN + SECRET,
        PLAIN + with_exif(PLAIN, exif(gps=GPS)),
        png(quarters(), 2, 8, chunk(b"tEXt", b"Comment\0" + SECRET), chunk(b"eXIf", exif(gps=GPS))),
        tiff(quarters(), 2, {315: (2, SECRET), 700: (1, SECRET), 33723: (7, SECRET)}),
        heif(HEIC.read_bytes(), block=exif(gps=GPS), xmp=SECRET),
    ],
)
def test_no_metadata_get_out(data: bytes) -> None:
    for made in reader.pictures_of(data):
        assert SECRET not in made
        assert segments(made) == PICTURE_ALONE
        assert made.endswith(b"\xff\xd9")
        with Image.open(io.BytesIO(made)) as image:
            assert not image.getexif()
            assert image.format == "JPEG"
            assert not {"exif", "xmp", "icc_profile"} & image.info.keys()


def segments(jpeg: bytes) -> set[int]:
    """Return the kinds of the segments up to the first scan."""
    found, at = set(), 2
    while 0xDA not in found:
        assert jpeg[at] == 0xFF
        found.add(jpeg[at + 1])
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return found


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
def test_every_format_shows_the_same(kind: str) -> None:
    for made in reader.pictures_of(encoded(quarters(), kind)):
        with Image.open(io.BytesIO(made)) as image:
            np.testing.assert_allclose(centres(np.asarray(image.convert("RGB"))), centres(quarters()), atol=8)


@pytest.mark.parametrize("size", [(96, 64), (900, 600), (3000, 2000)])
def test_both_are_upright(size: tuple[int, int]) -> None:
    turned = with_exif(encoded(quarters(*size), "JPEG", quality=95), exif({274: (3, [8])}))
    whole = reader.read(turned).pixels
    assert whole.shape[:2] == (size[0], size[1])
    for made in reader.pictures_of(turned):
        with Image.open(io.BytesIO(made)) as image:
            assert image.height > image.width
            np.testing.assert_allclose(centres(np.asarray(image)), centres(whole), atol=8)


@pytest.mark.parametrize(
    ("size", "shown", "small"),
    [
        ((96, 64), (96, 64), (96, 64)),
        ((1536, 1024), (1536, 1024), (480, 320)),
        ((3200, 2000), (1600, 1000), (480, 300)),
        ((2000, 4001), (800, 1600), (240, 480)),
        ((9000, 16), (1600, 3), (480, 1)),
    ],
)
def test_the_longer_side_has_at_most_1600_or_480_pixels(
    size: tuple[int, int], shown: tuple[int, int], small: tuple[int, int]
) -> None:
    data = encoded(quarters(*size), "JPEG")
    for made in (reader.pictures_of(data), rendition.encode(reader.read(data).pixels)):
        sizes = []
        for each in made:
            with Image.open(io.BytesIO(each)) as image:
                sizes.append(image.size)
        assert sizes == [shown, small]
