"""Colours come out as their file means them; what states nothing, or sRGB, stays bit for bit.

| class | members | source |
|---|---|---|
| ICC profiles | Display P3, Adobe RGB, ProPhoto, in JPEG, PNG, WebP, TIFF, AVIF, HEIF; grey; CMYK, plain and inverted; broken ones | photoprism#1798, #1474, photopea#5918 |
| code points | P3, BT.2020, gamma 2.2, linear in AVIF, HEIF, PNG | pillow_heif PR 171, H.273 |
| PNG | gAMA, cHRM, sRGB, cICP before iCCP | PNG, third edition |
| EXIF | R03, colour space 2; sRGB stated beside R03 | DCF 2.0 |
| HDR | PQ and HLG, by code points and within a profile | BT.2100, BT.2408 |
"""  # noqa: E501

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from photo import icc, reader
from photo.code_points import PRIMARIES, srgb_linear
from tests.photo.files import (
    HEIC,
    Array,
    box,
    centres,
    chunk,
    encoded,
    exif,
    heif,
    nclx,
    png,
    quarters,
    tiff,
    with_exif,
)

STORED = quarters()
P3_AS_SRGB = np.array([(216, 81, 49), (0, 183, 77), (53, 80, 196), (192, 181, 59)])
"""The four colours of Display P3 in sRGB, by LittleCMS from Apple's profile."""


def profile(primaries: int, gamma: float | None = None) -> bytes:
    corners, white = PRIMARIES[primaries]
    return icc.matrix_profile(corners, white, srgb_linear if gamma is None else lambda value: value**gamma)


P3 = profile(12)
ADOBE = icc.matrix_profile(((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), icc.D65, lambda v: v ** (563 / 256))
PROPHOTO = icc.matrix_profile(
    ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), (0.3457, 0.3585), lambda v: v**1.8
)


def truth(data: bytes, mode: str = "RGB", pixels: Array = STORED) -> Array:
    """Return what LittleCMS makes of the stored pixels by itself."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(data))
    image = Image.fromarray(pixels, mode) if mode != "RGB" else Image.fromarray(pixels)
    return np.asarray(
        ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    )


def seen(data: bytes) -> Array:
    return centres(reader.read(data).pixels)


def test_the_ground_truth_is_the_published_one() -> None:
    np.testing.assert_allclose(centres(truth(P3)), P3_AS_SRGB, atol=2)


@pytest.mark.parametrize("data", [P3, ADOBE, PROPHOTO], ids=["P3", "Adobe RGB", "ProPhoto"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF", "HEIF"])
def test_icc_profiles_are_applied_in_every_format(kind: str, data: bytes) -> None:
    if kind == "HEIF":
        plain = reader.read(heif(HEIC.read_bytes())).pixels
        got = reader.read(heif(HEIC.read_bytes(), [box(b"colr", b"prof", data)])).pixels
        np.testing.assert_allclose(got.astype(int), truth(data, pixels=plain).astype(int), atol=1)
        return
    lossy = {"JPEG": {"quality": 98, "subsampling": 0}, "AVIF": {"quality": 95, "subsampling": "4:4:4"}}
    options: dict[str, Any] = lossy.get(kind, {"lossless": True} if kind == "WEBP" else {})
    got = seen(encoded(STORED, kind, icc_profile=data, **options))
    np.testing.assert_allclose(got, centres(truth(data)), atol=4 if kind in lossy else 1)


def test_sixteen_bits_are_converted_too() -> None:
    body = b"p\0\0" + zlib.compress(P3)
    data = png(STORED.astype(np.uint16) * 257, 2, 16, chunk(b"iCCP", body))
    np.testing.assert_allclose(seen(data), centres(truth(P3)), atol=1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_grey_profiles_are_applied(kind: str) -> None:
    linear = bytearray(profile(1, 1.0))
    grey = grey_profile(1.0)
    levels = quarters(colours=[[10], [60], [128], [200]])[..., 0]
    got = seen(encoded(levels, kind, icc_profile=grey, **({"quality": 98} if kind == "JPEG" else {})))
    np.testing.assert_allclose(got, centres(truth(grey, "L", levels)), atol=4)
    assert got[0, 0] > 40  # 10 of 255 as light is a dark grey, not black
    assert linear


def grey_profile(gamma: float) -> bytes:
    """Return a grey profile with one curve."""
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, int(gamma * 256)) + bytes(2)
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)
    text = b"text\0\0\0\0none\0" + bytes(3)
    description = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(78)
    description += bytes(-len(description) % 4)
    tags = {b"desc": description, b"cprt": text, b"wtpt": white, b"kTRC": curve}
    at, table, body = 132 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        table += name + struct.pack(">II", at + len(body), len(value))
        body += value
    head = struct.pack(">I4xI4s4s4s", at + len(body), 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head += (
        struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
        + bytes(28)
        + struct.pack(">iii", 63190, 65536, 54061)
    )
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def cmyk_profile() -> bytes:
    """Return a CMYK profile: a table of two points an ink, to Lab."""
    grid = np.stack(np.meshgrid(*[[0.0, 1.0]] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    light = 100 * (1 - grid[:, 3]) * (1 - 0.3 * grid[:, :3].sum(axis=1) / 3)
    a, b = 60 * (grid[:, 1] - grid[:, 0]), 60 * (grid[:, 2] - grid[:, 0])
    lab = np.stack([light * 652.8, (a + 128) * 256, (b + 128) * 256], axis=1)
    table = lab.clip(0, 65535).astype(">u2").tobytes()
    identity = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    line = struct.pack(">2H", 0, 65535)
    lut = (
        b"mft2\0\0\0\0"
        + bytes([4, 3, 2, 0])
        + identity
        + struct.pack(">HH", 2, 2)
        + line * 4
        + table
        + line * 3
    )
    lut += bytes(-len(lut) % 4)
    description = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(78)
    description += bytes(-len(description) % 4)
    white = b"XYZ \0\0\0\0" + struct.pack(">iii", 63190, 65536, 54061)
    tags = {b"desc": description, b"cprt": b"text\0\0\0\0none\0" + bytes(3), b"wtpt": white, b"A2B0": lut}
    at, index, body = 132 + 12 * len(tags), b"", b""
    for name, value in tags.items():
        index += name + struct.pack(">II", at + len(body), len(value))
        body += value
    head = struct.pack(">I4xI4s4s4s", at + len(body), 0x02400000, b"prtr", b"CMYK", b"Lab ")
    head += (
        struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp")
        + bytes(28)
        + struct.pack(">iii", 63190, 65536, 54061)
    )
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + index + body


INKS = quarters(colours=[(200, 10, 10, 5), (10, 200, 10, 5), (10, 10, 200, 5), (30, 30, 30, 120)])


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_read_with_and_without_a_profile(kind: str) -> None:
    image = Image.fromarray(INKS, "CMYK")
    options = {"quality": 98} if kind == "JPEG" else {}
    np.testing.assert_allclose(
        seen(encoded(image, kind, **options)), centres(np.asarray(image.convert("RGB"))), atol=4
    )
    data = cmyk_profile()
    got = seen(encoded(image, kind, icc_profile=data, **options))
    np.testing.assert_allclose(got, centres(truth(data, "CMYK", INKS)), atol=6)


def test_cmyk_without_adobes_mark_is_not_turned_round() -> None:
    data = encoded(Image.fromarray(INKS, "CMYK"), "JPEG", quality=98)
    at = data.index(b"\xff\xee")
    size = struct.unpack(">H", data[at + 2 : at + 4])[0]
    plain = data[:at] + data[at + 2 + size :]
    want = np.asarray(Image.fromarray(255 - INKS, "CMYK").convert("RGB"))
    np.testing.assert_allclose(seen(plain), centres(want), atol=4)


def test_srgb_by_any_name_changes_nothing() -> None:
    plain = encoded(STORED, "PNG")
    want = reader.read(plain).pixels
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for data in (
        encoded(STORED, "PNG", icc_profile=own),
        encoded(STORED, "PNG", icc_profile=profile(1)),
        png(STORED, 2, 8, chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100_000))),
        png(STORED, 2, 8, chunk(b"gAMA", struct.pack(">I", 45_455))),
        png(STORED, 2, 8, chunk(b"cICP", bytes([1, 13, 0, 1]))),
    ):
        np.testing.assert_array_equal(reader.read(data).pixels, want)
    np.testing.assert_array_equal(want, STORED)


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", P3[:200], P3[:16] + b"XYZ " + P3[20:], grey_profile(2.2), cmyk_profile()]
)
def test_a_profile_that_does_not_fit_is_ignored(data: bytes) -> None:
    np.testing.assert_array_equal(reader.read(tiff(STORED, 2, {34675: (7, data)})).pixels, STORED)


@pytest.mark.parametrize(
    ("primaries", "transfer"), [(12, 13), (9, 13), (1, 4), (1, 8), (9, 1), (5, 6), (11, 13)]
)
def test_code_points_are_followed(primaries: int, transfer: int) -> None:
    gamma = {4: 2.2, 8: 1.0}.get(transfer)
    want = centres(truth(profile(primaries, gamma)))
    avif = encoded(STORED, "AVIF", quality=95, subsampling="4:4:4")
    np.testing.assert_allclose(seen(heif(avif, [nclx(primaries, transfer)], brand=b"avif")), want, atol=6)
    exact = png(
        STORED,
        2,
        8,
        chunk(b"cICP", bytes([primaries, transfer, 0, 1])),
        chunk(b"iCCP", b"p\0\0" + zlib.compress(ADOBE)),
    )
    np.testing.assert_allclose(seen(exact), want, atol=1)
    plain = reader.read(heif(HEIC.read_bytes(), [nclx(1, 13)])).pixels
    got = reader.read(heif(HEIC.read_bytes(), [nclx(primaries, transfer)])).pixels
    np.testing.assert_allclose(
        got.astype(int), truth(profile(primaries, gamma), pixels=plain).astype(int), atol=2
    )


def test_a_profile_comes_before_code_points_in_avif() -> None:
    avif = encoded(STORED, "AVIF", quality=95, subsampling="4:4:4")
    got = seen(heif(avif, [nclx(1, 13), box(b"colr", b"prof", P3)], brand=b"avif"))
    np.testing.assert_allclose(got, P3_AS_SRGB, atol=5)


def test_gamma_and_chromaticities_of_png_are_followed() -> None:
    linear = png(STORED, 2, 8, chunk(b"gAMA", struct.pack(">I", 100_000)))
    np.testing.assert_allclose(seen(linear), centres(truth(profile(1, 1.0))), atol=1)
    corners, white = PRIMARIES[12]
    values = [round(v * 1e5) for xy in (white, *corners) for v in xy]
    wide = png(
        STORED, 2, 8, chunk(b"gAMA", struct.pack(">I", 45_455)), chunk(b"cHRM", struct.pack(">8I", *values))
    )
    np.testing.assert_allclose(seen(wide), P3_AS_SRGB, atol=3)
    nonsense = png(STORED, 2, 8, chunk(b"cHRM", bytes(32)), chunk(b"gAMA", bytes(4)))
    np.testing.assert_array_equal(reader.read(nonsense).pixels, STORED)


def test_exif_names_adobe_rgb() -> None:
    jpeg = encoded(STORED, "JPEG", quality=98, subsampling=0)
    r03 = {1: (2, b"R03\0")}
    adobe = centres(truth(ADOBE))
    for block in (
        exif(camera={0xA001: (3, [65535])}, shared=r03),
        exif(camera={0xA001: (3, [2])}),
        exif(shared=r03),
    ):
        np.testing.assert_allclose(seen(with_exif(jpeg, block)), adobe, atol=4)
    for block in (
        exif(camera={0xA001: (3, [1])}, shared=r03),
        exif(camera={0xA001: (3, [65535])}, shared={1: (2, b"R98\0")}),
        exif(camera={0xA001: (3, [65535])}),
    ):
        np.testing.assert_array_equal(reader.read(with_exif(jpeg, block)).pixels, reader.read(jpeg).pixels)


def pq(nits: float) -> int:
    power = (nits / 10_000) ** 0.1593017578125
    return round(255 * ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def test_hdr_is_tone_mapped() -> None:
    """Half of the reference white stays; 1000 cd/m² and more are white; brighter is never darker."""
    levels = [0, 5, 50, 101.5, 203, 500, 1000, 4000]
    row = np.repeat(np.array([[pq(nits)] * 3 for nits in levels], np.uint8), 4, axis=0)
    got = (
        reader.read(png(np.tile(row, (20, 1, 1)), 2, 8, chunk(b"cICP", bytes([9, 16, 0, 1]))))
        .pixels[0, ::4, 1]
        .astype(int)
    )
    assert got[0] == 0
    assert abs(got[3] - 188) <= 2  # half of the light, as sRGB
    assert 215 <= got[4] <= 235
    assert got[6] >= 254
    assert list(got) == sorted(got)


def test_hlg_is_tone_mapped_and_a_profile_may_say_so() -> None:
    ramp = np.repeat(np.linspace(0, 255, 32).astype(np.uint8)[None, :, None], 3, axis=2)
    pixels = np.tile(ramp, (20, 1, 1))
    hlg = reader.read(png(pixels, 2, 8, chunk(b"cICP", bytes([9, 18, 0, 1])))).pixels[0, :, 1].astype(int)
    assert list(hlg) == sorted(hlg)
    assert hlg[0] == 0
    assert hlg[-1] >= 254
    count = struct.unpack(">I", P3[128:132])[0]
    body = P3[132 + 12 * count :]
    moved = bytearray(struct.pack(">I", count + 1))
    for n in range(count):
        name, at, size = struct.unpack_from(">4sII", P3, 132 + 12 * n)
        moved += struct.pack(">4sII", name, at + 12, size)
    moved += struct.pack(">4sII", b"cicp", len(P3) + 12, 12)
    tagged = P3[:128] + bytes(moved) + body + b"cicp\0\0\0\0" + bytes([9, 18, 0, 1])
    by_profile = reader.read(png(pixels, 2, 8, chunk(b"iCCP", b"p\0\0" + zlib.compress(tagged)))).pixels[
        0, :, 1
    ]
    np.testing.assert_array_equal(by_profile, hlg)
