"""What a decoder would allocate is bounded before it starts, whatever the header says.

| class | members | source |
|---|---|---|
| canvas larger than its frames | animated WebP of 146 bytes, WebP of two sizes, AVIF sequence | |
| pieces larger than the picture | tiles and strips of TIFF, tiles of HEIF | |
| bytes a pixel | floats, planes, CMYK, progressive and separate scans of JPEG, deep AVIF | |
| work | scans of a progressive JPEG, segments, chunks | libjpeg-turbo's limit of scans |
| metadata | ICC, EXIF and XMP packed to a thousandth | |
| sizes | too many pixels, too long a side, too small, too many bytes | |
"""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
import pytest

from bus.contract.limits import MAX_PHOTO_BYTES
from photo import header, pixels, reader
from photo.errors import PhotoError
from tests.photo.files import (
    HEIC,
    TiffWriter,
    chunk,
    encoded,
    exif,
    heif,
    jpeg_segment,
    noise,
    png,
    quarters,
    riff,
    riff_chunks,
    strip_tags,
    tiff,
    with_segments,
)


@pytest.fixture(autouse=True)
def _nothing_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pixels, "stored", lambda *_: pytest.fail("it was decoded"))
    monkeypatch.setattr(pixels, "verify", lambda *_: pytest.fail("it was decoded"))


def code(data: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        reader.check(data)
    assert caught.value.message.endswith(".")
    return caught.value.code


def png_of(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    small = png(quarters(32, 32), 2)
    head = struct.pack(">IIBBBBB", 32, 32, 8, 2, 0, 0, 0)
    return small.replace(
        chunk(b"IHDR", head), chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    )


def jpeg_of(width: int, height: int, **options: Any) -> bytes:
    data = encoded(noise(64, 64), "JPEG", **options)
    at = max(data.find(b"\xff\xc0\0\x11"), data.find(b"\xff\xc2\0\x11"))
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


def webp_canvas(width: int, height: int) -> bytes:
    name, body = riff_chunks(encoded(quarters(64, 64), "WEBP"))[-1]
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frame = bytes(6) + (63).to_bytes(3, "little") * 2 + bytes(4) + name + struct.pack("<I", len(body)) + body
    return riff((b"VP8X", b"\x02\0\0\0" + size), (b"ANIM", bytes(6)), (b"ANMF", frame), (b"ANMF", frame))


def tiled(width: int, height: int, side: int) -> bytes:
    writer = TiffWriter()
    tags = strip_tags(writer, quarters(32, 32), 2)
    for tag in (273, 278, 279):
        del tags[tag]
    count = -(-width // side) * -(-height // side)
    tags |= {256: (4, [width]), 257: (4, [height]), 259: (3, [8]), 322: (4, [side]), 323: (4, [side])}
    return writer.done(writer.directory({**tags, 324: (4, [8] * count), 325: (4, [100] * count)}))


def scans(count: int) -> bytes:
    """Return a progressive JPEG whose last scan is repeated, 50 bytes a time."""
    data = encoded(quarters(1600, 1200), "JPEG", progressive=True)
    at = data.rindex(b"\xff\xda")
    return data[:-2] + data[at:-2] * count + b"\xff\xd9"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            webp_canvas(9999, 9999), "unsupported_media_type", id="animated WebP, canvas of 100 megapixels"
        ),
        pytest.param(png_of(20_000, 10_000), "photo_too_many_pixels", id="200 megapixels"),
        pytest.param(png_of(10_000, 10_000), "photo_too_many_pixels", id="PNG, 7 bytes a pixel"),
        pytest.param(png_of(90_000, 16), "photo_too_many_pixels", id="a side that no camera has"),
        pytest.param(png_of(4_000, 8), "photo_too_small", id="8 pixels high"),
        pytest.param(
            jpeg_of(10_000, 10_000, progressive=True, subsampling=0),
            "photo_too_many_pixels",
            id="progressive JPEG",
        ),
        pytest.param(jpeg_of(65_000, 65_000), "photo_too_many_pixels", id="JPEG of 4 gigapixels"),
        pytest.param(scans(120), "unsupported_media_type", id="120 scans"),
        pytest.param(tiled(64, 64, 16_384), "unsupported_media_type", id="TIFF in a tile of 268 megapixels"),
        pytest.param(tiled(9_900, 9_900, 9_904), "photo_too_many_pixels", id="TIFF in one tile of its size"),
        pytest.param(
            tiff(
                np.zeros((20, 20, 3)),
                2,
                {256: (4, [9_000]), 257: (4, [9_000]), 278: (4, [9_000]), 259: (3, [8])},
            ),
            "photo_too_many_pixels",
            id="TIFF of doubles, 24 bytes a pixel",
        ),
        pytest.param(heif(HEIC.read_bytes(), size=(12_000, 12_000)), "photo_too_many_pixels", id="HEIF"),
        pytest.param(
            heif(HEIC.read_bytes(), size=(8_000, 8_000), grid=(1, 1, 64, 64)),
            "unsupported_media_type",
            id="HEIF, small of a large tile",
        ),
        pytest.param(bytes(MAX_PHOTO_BYTES + 1), "photo_too_large", id="bytes"),
    ],
)
def test_it_is_refused_by_its_container_alone(data: bytes, expected: str) -> None:
    assert code(data) == expected


@pytest.mark.parametrize("name", [b"iCCP", b"iTXt", b"zTXt"])
def test_packed_metadata_are_not_unpacked_beyond_their_limit(name: bytes) -> None:
    packed = zlib.compress(bytes(16 * 1024 * 1024), 1)
    body = {
        b"iCCP": b"p\0\0",
        b"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0",
        b"zTXt": b"Raw profile type exif\0\0",
    }[name]
    assert reader.inspect(png(quarters(), 2, 8, chunk(name, body + packed))).width == 96


def test_large_metadata_are_left_out() -> None:
    parts = [jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes([n, 100]) + bytes(60_000)) for n in range(1, 101)]
    jpeg = with_segments(encoded(quarters(), "JPEG"), *parts)
    assert reader.inspect(jpeg).width == 96
    many = {n: (4, [1]) for n in range(1000, 9000)}
    assert reader.inspect(tiff(quarters(), 2)).width == 96
    assert (
        reader.inspect(with_segments(jpeg, jpeg_segment(0xE1, b"Exif\0\0" + exif(many)[:65_000]))).width == 96
    )


@pytest.mark.parametrize(
    ("kind", "most"),
    [("JPEG", 100), ("PNG", 90), ("WEBP", 30), ("AVIF", 70), ("HEIF", 70), ("TIFF", 60)],
)
def test_photos_of_todays_cameras_are_within_the_limits(kind: str, most: int) -> None:
    """Megapixels of 8-bit photos that pass; phones' 50 do in every format but WebP."""
    small = HEIC.read_bytes() if kind == "HEIF" else encoded(quarters(), kind)
    found = reader._header(small)
    each = (found.decode_bytes - (len(small) if kind in {"PNG", "TIFF"} else 0)) / (
        found.width * found.height
    )
    assert header.MAX_DECODE_BYTES / each / 1e6 >= most
