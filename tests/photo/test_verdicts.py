"""Every file gets its verdict: read, short, damaged, or of an unread kind.

| class | members | source |
|---|---|---|
| data lost within a JPEG | cut with an end marker, zeros within, restart lost or doubled, a part between restarts lost; baseline and progressive | opencv#6468, jpeg-decoder#169, yolov5#916 |
| healthy JPEG | bytes between its parts, few bytes or padding before its end, trailers, a second picture, fill bytes | libjpeg-turbo#157 |
| short | every format cut at several places | |
| damaged | checksums of PNG, chunks, boxes and tiles that contradict each other | |
| unread, not short | raw files of every maker, 12 bits, lossless and arithmetic JPEG, animations, videos | sxiv#238, LibRaw#841, dnglab#576 |
"""  # noqa: E501

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photo import reader
from photo.errors import PhotoDamagedError, PhotoError, PhotoTruncatedError, PhotoUnsupportedError
from tests.photo.files import (
    HEIC,
    TiffWriter,
    box,
    chunk,
    encoded,
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

SOS = b"\xff\xda"
RST = [bytes([0xFF, 0xD0 + n]) for n in range(8)]


def verdict(data: bytes) -> PhotoError:
    """Return the error of `check`; `read` agrees."""
    with pytest.raises(PhotoError) as caught:
        reader.check(data)
    with pytest.raises(PhotoError) as again:
        reader.read(data)
    assert type(again.value) is type(caught.value)
    assert caught.value.message.endswith(".")
    return caught.value


@pytest.fixture(scope="module", params=[False, True], ids=["baseline", "progressive"])
def jpeg(request: pytest.FixtureRequest) -> bytes:
    return encoded(noise(), "JPEG", quality=90, progressive=request.param)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_jpeg_that_lost_data_is_damaged_although_it_has_an_end(jpeg: bytes, share: float) -> None:
    at = int(len(jpeg) * share)
    for data in (
        jpeg[:at] + b"\xff\xd9",
        jpeg[:at] + bytes(4096) + jpeg[at + 4096 :],
        jpeg[:at] + bytes(len(jpeg) - at - 2) + b"\xff\xd9",
        jpeg[: at - 3000] + jpeg[at:],
    ):
        found = verdict(data)
        assert isinstance(found, PhotoDamagedError)
        assert found.code == "photo_truncated"


def test_a_jpeg_without_an_end_is_short(jpeg: bytes) -> None:
    for data in (jpeg[:-2], jpeg[: len(jpeg) // 2], jpeg[: len(jpeg) // 2] + bytes(len(jpeg) // 2)):
        assert type(verdict(data)) is PhotoTruncatedError


def test_restart_markers_show_what_is_missing() -> None:
    data = encoded(noise(), "JPEG", quality=90, restart_marker_rows=1)
    first, second = data.index(RST[3]), data.index(RST[4])
    for broken in (
        data[:first] + RST[5] + data[first + 2 :],
        data[:first] + data[first + 2 :],
        data[:first] + data[second:],
        data[:first] + data[first:second] + data[first:],
        data[: first + 200] + bytes(300) + data[first + 500 :],
    ):
        assert isinstance(verdict(broken), PhotoDamagedError)
    reader.check(data)


def test_healthy_jpegs_with_bytes_that_do_not_belong_to_the_picture_pass(jpeg: bytes) -> None:
    at, want = jpeg.index(SOS), reader.read(jpeg).pixels
    second = encoded(quarters(), "JPEG")
    for data in (
        jpeg[:at] + b"\0\1\2" + jpeg[at:],
        jpeg[:at] + bytes(500) + jpeg[at:],
        jpeg[:at] + b"\xff\xff\xff" + jpeg[at:],
        jpeg[:-2] + bytes(10) + b"\xff\xd9",
        jpeg[:-2] + b"\x17\x2a" * 9 + b"\xff\xd9",
        jpeg[:-2] + b"\xff\xff\xff\xff\xd9",
        jpeg + b"SEFT trailer of a phone" * 100,
        jpeg + second,
        jpeg + box(b"ftyp", b"mp42") + bytes(5000),
        with_segments(jpeg, jpeg_segment(0xE1, b"nonsense"), jpeg_segment(0xFE, b"a comment")),
    ):
        reader.check(data)
        np.testing.assert_array_equal(reader.read(data).pixels, want)


def test_padding_before_the_end_of_a_baseline_jpeg_passes() -> None:
    data = encoded(noise(), "JPEG", quality=90)
    reader.check(data[:-2] + bytes(5000) + b"\xff\xd9")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c"),
        (b"\xff\xc0", b"\xff\xc3"),
        (b"\xff\xc0", b"\xff\xc9"),
        (b"\xff\xc0", b"\xff\xc5"),
    ],
    ids=["12 bits", "lossless", "arithmetic", "hierarchical"],
)
def test_a_jpeg_of_an_unread_kind_is_not_called_short(old: bytes, new: bytes) -> None:
    data = encoded(quarters(), "JPEG").replace(old, new, 1)
    assert isinstance(verdict(data), PhotoUnsupportedError)
    assert "JPEG" in verdict(data).message


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.99])
def test_a_cut_file_is_not_called_foreign(kind: str, share: float) -> None:
    data = HEIC.read_bytes() if kind == "HEIF" else encoded(noise(128, 96), kind)
    found = verdict(data[: max(16, int(len(data) * share))])
    assert found.code == "photo_truncated"


def damaged() -> list[Any]:
    photo = png(noise(64, 48), 2)
    webp = encoded(noise(64, 48), "WEBP")
    flipped = bytearray(photo)
    flipped[len(photo) // 2] ^= 1
    size = struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0)
    other = struct.pack(">IIBBBBB", 64, 49, 8, 2, 0, 0, 0)
    name, body = riff_chunks(webp)[-1]
    canvas = struct.pack("<I", 0) + (999).to_bytes(3, "little") * 2
    return [
        pytest.param(bytes(flipped), id="PNG checksum of the data"),
        pytest.param(
            photo.replace(chunk(b"IHDR", size), chunk(b"IHDR", size)[:-1] + b"\0"),
            id="PNG checksum of the head",
        ),
        pytest.param(photo.replace(chunk(b"IHDR", size), chunk(b"IHDR", other)), id="PNG with a row too few"),
        pytest.param(photo.replace(b"IDAT", b"\0DAT"), id="PNG chunk without a name"),
        pytest.param(png(quarters(colours=[[1]] * 4)[..., 0], 3), id="PNG without its palette"),
        pytest.param(riff((b"VP8X", canvas), (name, body)), id="WebP of two sizes"),
        pytest.param(riff((b"EXIF", b"nothing")), id="WebP without a picture"),
        pytest.param(riff((name, b"\0" * len(body))), id="WebP whose picture is none"),
        pytest.param(heif(HEIC.read_bytes(), grid=(2, 2, 500, 60)), id="HEIF whose tiles are too few"),
        pytest.param(
            heif(HEIC.read_bytes()).replace(b"pitm\0\0\0\0\0\1", b"pitm\0\0\0\0\0\7"),
            id="HEIF that names no picture",
        ),
        pytest.param(heif(HEIC.read_bytes(), size=(640, 480)), id="HEIF of two sizes"),
    ]


@pytest.mark.parametrize("data", damaged())
def test_parts_that_contradict_each_other_are_damage(data: bytes) -> None:
    found = verdict(data)
    assert found.code == "photo_truncated"
    assert isinstance(found, PhotoTruncatedError)


def raws() -> list[Any]:
    small = quarters(160, 120)

    def first(extra: dict[int, Any], below: dict[int, Any] | None = None, order: str = "<") -> bytes:
        writer = TiffWriter(order)
        tags = {**strip_tags(writer, small, 2), **extra}
        if below is not None:
            sensor = np.zeros((256, 512), np.uint16)
            tags[330] = (4, [writer.directory({**strip_tags(writer, sensor, 32803), **below})])
        return writer.done(writer.directory(tags))

    return [
        pytest.param(first({254: (4, [1]), 50706: (1, b"\1\4\0\0")}, {}), id="DNG"),
        pytest.param(first({50706: (1, b"\1\4\0\0")}, {262: (3, [34892])}), id="linear DNG"),
        pytest.param(first({254: (4, [1])}, {259: (3, [34713])}, ">"), id="NEF"),
        pytest.param(first({}, {33421: (3, [2, 2])}), id="preview without a mark, ARW"),
        pytest.param(tiff(np.zeros((64, 96), np.uint16), 32803), id="sensor in the first page, PEF"),
        pytest.param(first({259: (3, [6])})[:8] + b"CR\2\0" + bytes(200), id="CR2"),
        pytest.param(box(b"ftyp", b"crx ", bytes(4), b"crx isom") + bytes(100), id="CR3"),
        pytest.param(b"FUJIFILMCCD-RAW 0201" + bytes(100), id="RAF"),
        pytest.param(b"IIRO\x08\0\0\0" + bytes(100), id="ORF"),
        pytest.param(b"IIU\0\x18\0\0\0" + bytes(100), id="RW2"),
        pytest.param(b"FOVb" + bytes(100), id="X3F"),
        pytest.param(b"\0MRM" + bytes(100), id="MRW"),
        pytest.param(b"II\x1a\0\0\0HEAPCCDR" + bytes(100), id="CRW"),
    ]


@pytest.mark.parametrize("data", raws())
def test_a_raw_file_is_named_as_one(data: bytes) -> None:
    found = verdict(data)
    assert found.code == "unsupported_media_type"
    assert "raw" in found.message


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (
            encoded(quarters(), "WEBP", save_all=True, append_images=[Image.fromarray(quarters()[::-1])]),
            "animated",
        ),
        (
            encoded(quarters(), "AVIF", save_all=True, append_images=[Image.fromarray(quarters()[::-1])]),
            "sequence",
        ),
        (box(b"ftyp", b"qt  ", bytes(4), b"qt  ") + bytes(100), "video"),
        (box(b"ftyp", b"isom", bytes(4), b"mp42") + bytes(100), "video"),
        (encoded(quarters(), "GIF"), "not a photo"),
        (encoded(quarters(), "BMP"), "not a photo"),
        (b"%PDF-1.7 nonsense", "not a photo"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a photo"),
        (b"\0", "not a photo"),
    ],
)
def test_what_is_no_still_photo_is_said_so(data: bytes, word: str) -> None:
    found = verdict(data)
    assert found.code == "unsupported_media_type"
    assert word in found.message


def test_nothing_is_empty() -> None:
    assert verdict(b"").code == "photo_empty"
