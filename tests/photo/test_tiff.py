"""TIFF: every depth and kind of sample is read as it is meant, and what is not read is said to be unread.

| class | members | source |
|---|---|---|
| samples | unsigned of 1 to 32 bits, signed, float of 16 to 64 bits, both byte orders, BigTIFF | Pillow#3984, imageio#707, TIFF 6.0 |
| kinds | grey, white is zero, RGB, palette, CMYK, straight and associated alpha, planes apart | TIFF 6.0 |
| packing | none, LZW, Deflate, PackBits, JPEG, CCITT; predictors 2 and 3; strips and tiles | TIFF 6.0, Adobe's technical note 3 |
| which page | reduced first page, thumbnail behind, SubIFD, mask | sxiv#238, LibRaw#841 |
| unread, not short | LAB, complex samples, unknown compressions, channels that differ | imageio#707 |
| short, damaged | cut strips, missing strips, tables beyond the end | |
"""  # noqa: E501

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photo import reader
from photo.errors import PhotoDamagedError, PhotoError, PhotoTruncatedError, PhotoUnsupportedError
from tests.photo.files import Array, TiffWriter, encoded, noise, quarters, strip_tags, tiff

RGB = quarters()
RAMP = np.linspace(0, 1, 96 * 64).reshape(64, 96)
EIGHT = np.rint(RAMP * 255).astype(np.uint8)


def pixels(data: bytes) -> Array:
    reader.check(data)
    return reader.read(data).pixels


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("photometric", [0, 1, 2])
def test_samples_of_every_kind_span_black_to_white(
    order: str, big: bool, kind: str, photometric: int
) -> None:
    dtype = np.dtype(kind)
    most = 1.0 if dtype.kind == "f" else float(np.iinfo(dtype).max)
    values = RAMP if dtype.kind == "f" else np.rint(RAMP * most).clip(0, most)
    stored = np.repeat(values[..., None], 3, axis=2) if photometric == 2 else values
    got = pixels(tiff(stored.astype(dtype), photometric, order=order, big=big))
    want = 255 - EIGHT if photometric == 0 else EIGHT
    np.testing.assert_allclose(got[..., 1].astype(int), want.astype(int), atol=1)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 6, 7, 10, 12, 14, 24])
def test_odd_depths_are_unpacked(bits: int) -> None:
    values = np.rint(RAMP * ((1 << bits) - 1)).astype(np.uint32)
    flags = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    if bits == 24:  # in whole bytes, which the file's order turns round
        flags = flags.reshape(64, 96, 3, 8)[:, :, ::-1].reshape(64, 96, 24)
    rows = np.packbits(flags.reshape(64, -1).astype(np.uint8), axis=1)
    got = pixels(tiff(EIGHT, 1, {258: (3, [bits]), 279: (4, [rows.nbytes])}, data=rows.tobytes()))
    np.testing.assert_array_equal(got[..., 0], np.rint(values * 255.0 / ((1 << bits) - 1)))


def test_values_outside_the_range_are_clipped() -> None:
    grey = np.array([[-1.0, 0.5, 2.0, np.nan, np.inf] * 20] * 20, np.float32)
    np.testing.assert_array_equal(pixels(tiff(grey, 1))[0, :5, 0], [0, 128, 255, 0, 255])
    signed = np.array([[-128, -1, 0, 64, 127] * 20] * 20, np.int8)
    np.testing.assert_array_equal(pixels(tiff(signed, 1))[0, :5, 0], [0, 0, 0, 129, 255])


def test_a_palette_is_looked_up() -> None:
    table = np.zeros((3, 256), int)
    table[:, :4] = np.array([(200, 90, 60), (80, 180, 90), (60, 80, 190), (190, 180, 80)]).T * 257
    indices = quarters(colours=[[n] for n in range(4)])[..., 0]
    got = pixels(tiff(indices, 3, {320: (3, [int(v) for v in table.ravel()])}))
    np.testing.assert_array_equal(got, RGB)


def test_cmyk_is_not_taken_for_rgb() -> None:
    cmyk = np.zeros((64, 96, 4), np.uint8)
    cmyk[..., 1] = 255
    assert pixels(tiff(cmyk, 5))[0, 0].tolist() == [255, 0, 255]


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
def test_alpha_is_dropped_straight_and_divided_out_associated(kind: str) -> None:
    dtype = np.dtype(kind)
    most = 1.0 if kind == "f4" else np.iinfo(dtype).max
    alpha = np.full((64, 96, 1), 0.5)
    straight = np.concatenate([RGB / 255, alpha], axis=2)
    multiplied = np.concatenate([RGB / 255 * alpha, alpha], axis=2)
    for samples, extra in ((straight, 2), (multiplied, 1)):
        got = pixels(tiff((samples * most).astype(dtype), 2, {338: (3, [extra])}))
        np.testing.assert_allclose(got.astype(int), RGB, atol=2)


def test_planes_apart_are_joined() -> None:
    planes = [np.ascontiguousarray(RGB[..., n]).tobytes() for n in range(3)]
    writer = TiffWriter()
    tags = strip_tags(writer, RGB, 2)
    tags |= {284: (3, [2]), 273: (4, [writer.add(plane) for plane in planes]), 279: (4, [len(planes[0])] * 3)}
    np.testing.assert_array_equal(pixels(writer.done(writer.directory(tags))), RGB)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("mode", ["RGB", "L", "1", "I;16", "CMYK", "P"])
def test_lossless_packing_gives_what_pillow_reads(compression: str | None, mode: str) -> None:
    image = (
        Image.fromarray((RAMP * 65535).astype(np.uint16))
        if mode == "I;16"
        else Image.fromarray(RGB).convert(mode)
    )
    got = pixels(encoded(image, "TIFF", **({"compression": compression} if compression else {})))
    want = np.rint(np.asarray(image) / 257)[..., None] if mode == "I;16" else np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(got, np.broadcast_to(want, got.shape))


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_pages_are_read(mode: str) -> None:
    image = Image.fromarray(RGB).convert(mode)
    got = pixels(encoded(image, "TIFF", compression="jpeg", quality=95))
    np.testing.assert_allclose(got.astype(int), np.asarray(image.convert("RGB")).astype(int), atol=30)


@pytest.mark.parametrize("compression", ["group3", "group4"])
def test_fax_pages_are_read(compression: str) -> None:
    image = Image.fromarray(RGB).convert("1")
    np.testing.assert_array_equal(
        pixels(encoded(image, "TIFF", compression=compression)), np.asarray(image.convert("RGB"))
    )


@pytest.mark.parametrize("kind", ["u1", "u2", "u4"])
def test_differences_of_integers_are_summed_up(kind: str) -> None:
    values = (noise(96, 64, 4).astype(np.uint64) * (np.iinfo(kind).max // 255)).astype(kind)
    differences = np.diff(values, axis=1, prepend=np.zeros((64, 1, 3), values.dtype))
    data = zlib.compress(differences.astype(kind).tobytes())
    got = pixels(tiff(values, 2, {317: (3, [2])}, data=data, compression=8))
    np.testing.assert_array_equal(got, noise(96, 64, 4))


@pytest.mark.parametrize("kind", ["f2", "f4", "f8"])
def test_differences_of_floats_are_summed_up(kind: str) -> None:
    values = (noise(96, 64, 4) / 255).astype(kind)
    size = values.dtype.itemsize
    parts = values.astype(f">f{size}").view(np.uint8).reshape(64, -1, size)
    rows = parts.transpose(0, 2, 1).reshape(64, -1, 3)
    differences = np.diff(rows, axis=1, prepend=np.zeros((64, 1, 3), np.uint8)).astype(np.uint8)
    data = zlib.compress(differences.tobytes())
    got = pixels(tiff(values, 2, {317: (3, [3])}, data=data, compression=8))
    np.testing.assert_allclose(got.astype(int), noise(96, 64, 4), atol=1)


@pytest.mark.parametrize("kind", ["u1", "u2", "f4"])
@pytest.mark.parametrize(("compression", "predictor"), [(1, 1), (8, 1), (8, 2)])
def test_tiles_are_put_together(compression: int, kind: str, predictor: int) -> None:
    predictor = 1 if kind == "f4" else predictor
    dtype = np.dtype(kind)
    values = noise(104, 72, 8)
    stored = (
        (values / 255).astype(kind)
        if kind == "f4"
        else (values.astype(np.uint64) * (np.iinfo(dtype).max // 255)).astype(kind)
    )
    padded = np.pad(stored, ((0, 96 - 72), (0, 128 - 104), (0, 0)))
    writer = TiffWriter()
    tags = strip_tags(writer, stored, 2)
    offsets, sizes = [], []
    for top in range(0, 96, 32):
        for left in range(0, 128, 64):
            tile = padded[top : top + 32, left : left + 64]
            if predictor == 2:
                tile = np.diff(tile, axis=1, prepend=np.zeros((32, 1, 3), dtype)).astype(dtype)
            data = zlib.compress(tile.tobytes()) if compression == 8 else tile.tobytes()
            offsets.append(writer.add(data))
            sizes.append(len(data))
    tags |= {
        322: (3, [64]),
        323: (3, [32]),
        324: (4, offsets),
        325: (4, sizes),
        259: (3, [compression]),
        317: (3, [predictor]),
    }
    for tag in (273, 278, 279):
        del tags[tag]
    np.testing.assert_allclose(pixels(writer.done(writer.directory(tags))).astype(int), values, atol=1)


def two_pages(first: dict[int, Any], below: bool = False) -> bytes:
    """Return a file whose first page is small and has these tags, and whose other page is the photo."""
    writer = TiffWriter()
    photo = writer.directory(strip_tags(writer, RGB, 2))
    small = {**strip_tags(writer, np.zeros((20, 30, 3), np.uint8), 2), **first}
    if below:
        small[330] = (4, [photo])
    return writer.done(writer.directory(small, 0 if below else photo))


@pytest.mark.parametrize("first", [{254: (4, [1])}, {255: (3, [2])}, {254: (4, [4])}])
@pytest.mark.parametrize("below", [False, True])
def test_a_reduced_first_page_is_not_the_photo(first: dict[int, Any], below: bool) -> None:
    data = two_pages(first, below)
    assert (reader.inspect(data).width, reader.inspect(data).height) == (96, 64)
    np.testing.assert_array_equal(pixels(data), RGB)


def test_a_thumbnail_behind_the_photo_is_not_the_photo() -> None:
    writer = TiffWriter()
    small = writer.directory({**strip_tags(writer, np.zeros((20, 30, 3), np.uint8), 2), 254: (4, [1])})
    np.testing.assert_array_equal(
        pixels(writer.done(writer.directory(strip_tags(writer, RGB, 2), small))), RGB
    )


def test_a_preview_alone_is_not_the_photo() -> None:
    with pytest.raises(PhotoUnsupportedError, match="preview"):
        reader.inspect(tiff(RGB, 2, {254: (4, [1])}))


@pytest.mark.parametrize(
    "extra",
    [
        {259: (3, [34712])},
        {259: (3, [6])},
        {259: (3, [50001])},
        {262: (3, [8])},
        {262: (3, [32845])},
        {262: (3, [6])},
        {258: (3, [8, 8, 16])},
        {339: (3, [6, 6, 6])},
        {339: (3, [3, 3, 3])},
        {317: (3, [9])},
    ],
)
def test_an_unread_kind_is_not_called_short(extra: dict[int, Any]) -> None:
    with pytest.raises(PhotoUnsupportedError) as caught:
        reader.check(tiff(RGB, 2, extra))
    assert caught.value.code == "unsupported_media_type"
    assert "TIFF" in caught.value.message


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({279: (4, [10**6])}, PhotoTruncatedError),
        ({273: (4, [10**6])}, PhotoTruncatedError),
        ({279: (4, [96 * 63 * 3])}, PhotoDamagedError),
        ({278: (4, [8])}, PhotoDamagedError),
        ({277: (3, [2]), 258: (3, [8, 8]), 339: (3, [1, 1])}, PhotoDamagedError),
        ({262: (3, [3]), 277: (3, [1]), 258: (3, [8]), 339: (3, [1])}, PhotoDamagedError),
        ({273: (4, [])}, PhotoDamagedError),
        ({322: (3, [60]), 323: (3, [60]), 324: (4, [8] * 4), 325: (4, [99] * 4)}, PhotoDamagedError),
        ({322: (3, [16384]), 323: (3, [16384]), 324: (4, [8]), 325: (4, [99])}, PhotoUnsupportedError),
    ],
)
def test_tags_that_contradict_each_other_are_refused(extra: dict[int, Any], error: type[PhotoError]) -> None:
    with pytest.raises(error) as caught:
        reader.check(tiff(RGB, 2, extra))
    assert type(caught.value) is error


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"])
def test_overwritten_data_are_refused(compression: str) -> None:
    data = bytearray(encoded(noise(), "TIFF", compression=compression))
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    with pytest.raises(PhotoTruncatedError):
        reader.check(bytes(data))


@pytest.mark.parametrize("share", [0.001, 0.3, 0.99])
def test_a_cut_file_is_short(share: float) -> None:
    data = encoded(noise(), "TIFF", compression="tiff_lzw")
    with pytest.raises(PhotoTruncatedError) as caught:
        reader.check(data[: max(5, int(len(data) * share))])
    assert type(caught.value) is PhotoTruncatedError
