"""The focal length, the orientation and the projection come out of what the file says of its camera.

| class | members | source |
|---|---|---|
| absurd focal lengths | 0, 1/0, a millionth, 0xFFFFFFFF, 65535; of the lens and of 35 mm film, in every order | TheiaSfM#115, darktable PR 12354, flutter#142931 |
| focal plane resolution | compact, full frame, medium format; inch, centimetre, millimetre, micrometre; smaller copies, turned; wrong ones | darktable PR 15468, colmap PR 3617, PR 4113, openMVG#766, Exiv2#3097 |
| bounds | the same for millimetres and pixels, whichever caller states them | |
| orientation | 1 to 8 in every container; once, not twice; irot and imir win over EXIF | HEIF, MIAF |
| not a pinhole | XMP GPano, Apple's panoramas, spheres by camera, fisheye lenses | |
"""  # noqa: E501

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photo import focal, reader
from photo.errors import FocalLengthError
from photo.turns import TURNS
from tests.photo.files import (
    HEIC,
    Array,
    chunk,
    encoded,
    exif,
    heif,
    imir,
    irot,
    jpeg_segment,
    png,
    quarters,
    riff,
    riff_chunks,
    tiff,
    with_exif,
    with_segments,
)

FILM = math.hypot(36, 24)
PLAIN = encoded(quarters(), "JPEG", quality=95)
MM, EQUIVALENT, PLANE_X, PLANE_Y, UNIT, FULL_X, FULL_Y = (
    0x920A,
    0xA405,
    0xA20E,
    0xA20F,
    0xA210,
    0xA002,
    0xA003,
)


def read(camera: dict[int, Any], jpeg: bytes = PLAIN) -> tuple[float, str]:
    """Return the equivalent in millimetres and where it comes from."""
    got = reader.read(with_exif(jpeg, exif(camera=camera)))
    return got.focal_px * FILM / math.hypot(got.facts.width, got.facts.height), got.focal_source.value


@pytest.mark.parametrize(
    "camera",
    [
        {},
        {MM: (5, [(0, 0)])},
        {MM: (5, [(1, 0)])},
        {MM: (5, [(0, 1)])},
        {MM: (5, [(4294967295, 1)])},
        {MM: (5, [(1, 1_000_000)])},
        {MM: (10, [(-35, 1)])},
        {MM: (12, [math.nan])},
        {MM: (12, [math.inf])},
        {MM: (2, b"fifty\0")},
        {EQUIVALENT: (3, [0])},
        {EQUIVALENT: (3, [65535])},
        {EQUIVALENT: (4, [4294967295])},
        {EQUIVALENT: (3, [])},
    ],
)
def test_focal_lengths_that_no_lens_has_are_not_believed(camera: dict[int, Any]) -> None:
    assert read(camera) == (pytest.approx(30), "default")


@pytest.mark.parametrize(
    ("camera", "mm"),
    [
        ({EQUIVALENT: (3, [26])}, 26),
        ({EQUIVALENT: (4, [26])}, 26),
        ({EQUIVALENT: (5, [(26, 1)])}, 26),
        ({EQUIVALENT: (3, [26]), MM: (5, [(4, 1)])}, 26),
        ({EQUIVALENT: (3, [65535]), MM: (5, [(50, 1)])}, 50),
        ({EQUIVALENT: (3, [0]), MM: (5, [(4, 1)])}, 33.6),
        ({MM: (5, [(10, 1)])}, 10),
        ({EQUIVALENT: (3, [5000])}, 5000),
        ({EQUIVALENT: (3, [1])}, 1),
    ],
)
def test_what_exif_states_is_used_in_order(camera: dict[int, Any], mm: float) -> None:
    assert read(camera) == (pytest.approx(mm), "exif")


SENSORS = [
    (34.8, 5184, 3888, 6.17),
    (4.5, 5184, 3888, 6.17),
    (50.0, 6000, 4000, 36.0),
    (80.0, 11664, 8750, 53.4),
]


@pytest.mark.parametrize(("mm", "across", "down", "sensor"), SENSORS)
@pytest.mark.parametrize(("unit", "length"), [(2, 25.4), (3, 10.0), (4, 1.0), (5, 0.001), (None, 25.4)])
def test_the_sensor_follows_from_the_focal_plane(
    mm: float, across: int, down: int, sensor: float, unit: int | None, length: float
) -> None:
    resolution = across / sensor * length
    camera = {
        MM: (5, [(round(mm * 10), 10)]),
        PLANE_X: (5, [(round(resolution * 1000), 1000)]),
        FULL_X: (4, [across]),
        FULL_Y: (4, [down]),
        **({UNIT: (3, [unit])} if unit else {}),
    }
    for width, height in ((648, 486), (486, 648)):
        jpeg = encoded(quarters(width, height), "JPEG")
        got = reader.read(with_exif(jpeg, exif(camera=camera)))
        want = mm * max(width, height) / sensor
        assert got.focal_px == pytest.approx(want, rel=0.02)
        assert got.focal_source == "exif"


@pytest.mark.parametrize("resolution", [(0, 1), (1, 0), (1, 1000), (4294967295, 1), (300, 1)])
def test_a_focal_plane_of_no_sensor_is_not_believed(resolution: tuple[int, int]) -> None:
    assert read({MM: (5, [(50, 1)]), PLANE_X: (5, [resolution]), FULL_X: (4, [6000])}) == (
        pytest.approx(50),
        "exif",
    )


def test_the_other_direction_is_used_where_the_first_is_wrong() -> None:
    camera = {
        MM: (5, [(50, 1)]),
        PLANE_X: (5, [(1, 1)]),
        PLANE_Y: (5, [(60000, 9)]),
        UNIT: (3, [3]),
        FULL_X: (4, [6000]),
    }
    got = reader.read(with_exif(PLAIN, exif(camera=camera)))
    assert got.focal_px == pytest.approx(50 / 9 * 96)


@pytest.mark.parametrize(
    "stated", [{"focal_mm": 0.9}, {"focal_mm": 5001.0}, {"focal_px": 0.5}, {"focal_px": 1e7}]
)
@pytest.mark.parametrize("value", [None, 0.0, -3.0, math.inf, math.nan])
def test_the_caller_has_the_same_bounds(stated: dict[str, float], value: float | None) -> None:
    with pytest.raises(FocalLengthError):
        reader.read(PLAIN, **(stated if value is None else dict.fromkeys(stated, value)))


def test_a_models_own_estimate_has_the_same_bounds() -> None:
    assert focal.plausible(focal.pixels_of(30, 96, 64), 96, 64)
    assert not any(focal.plausible(px, 96, 64) for px in (0.0, -1.0, math.nan, math.inf, 1e9, 1e-3))


def test_the_focal_length_is_of_the_full_photo_where_pixels_are_reduced() -> None:
    jpeg = with_exif(encoded(quarters(3200, 2400), "JPEG"), exif(camera={EQUIVALENT: (3, [26])}))
    full, small = reader.read(jpeg), reader.read(jpeg, least=500)
    assert small.pixels.shape == (600, 800, 3)
    assert (small.facts, small.focal_px) == (full.facts, full.focal_px)


def stored(kind: str, orientation: int) -> tuple[bytes, Array]:
    """Return a photo with that EXIF orientation, and its pixels as stored."""
    block = exif({274: (3, [orientation])})
    options = (
        {"quality": 95, "subsampling": 0} if kind == "JPEG" else {"lossless": True} if kind == "WEBP" else {}
    )
    plain = encoded(quarters(), kind, **options)
    pixels = reader.read(plain).pixels
    match kind:
        case "JPEG":
            return with_exif(plain, block), pixels
        case "PNG":
            return png(quarters(), 2, 8, chunk(b"eXIf", block)), pixels
        case "TIFF":
            return tiff(quarters(), 2, {274: (3, [orientation])}), pixels
        case _:
            head = b"\x08\0\0\0" + (95).to_bytes(3, "little") + (63).to_bytes(3, "little")
            return riff((b"VP8X", head), *riff_chunks(plain), (b"EXIF", block)), pixels


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(10))
def test_photos_are_turned_upright_once(kind: str, orientation: int) -> None:
    data, pixels = stored(kind, orientation)
    want = TURNS.get(orientation, TURNS[1])(pixels)
    got = reader.read(data)
    np.testing.assert_array_equal(got.pixels, want)
    assert (got.facts.height, got.facts.width) == want.shape[:2]
    assert got.pixels.flags.c_contiguous


def test_compressed_tiffs_are_turned_once() -> None:
    block = Image.Exif()
    block[274] = 6
    for compression in ("tiff_lzw", "jpeg"):
        data = encoded(quarters(), "TIFF", compression=compression, exif=block)
        assert reader.read(data).pixels.shape == (96, 64, 3)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("mirror", [None, 0, 1])
def test_heif_turns_by_its_own_properties_and_not_by_exif(kind: str, turn: int, mirror: int | None) -> None:
    source = HEIC.read_bytes() if kind == "HEIF" else encoded(quarters(), "AVIF", quality=95)
    brand = b"heic" if kind == "HEIF" else b"avif"
    plain = reader.read(heif(source, brand=brand)).pixels
    given = [irot(turn)] + ([] if mirror is None else [imir(mirror)])
    got = reader.read(heif(source, given, brand=brand, block=exif({274: (3, [6])}, {EQUIVALENT: (3, [26])})))
    want = np.rot90(plain, turn)
    want = want if mirror is None else want[:, ::-1] if mirror else want[::-1]
    np.testing.assert_array_equal(got.pixels, want)
    assert (got.facts.height, got.facts.width) == want.shape[:2]
    assert got.focal_px == pytest.approx(focal.pixels_of(26, *want.shape[:2]))


def test_a_heif_of_tiles_is_one_photo() -> None:
    got = reader.read(heif(HEIC.read_bytes(), [irot(1)], grid=(2, 3, 160, 100)))
    assert got.pixels.shape == (160, 100, 3)


GPANO = (
    b'<rdf:Description xmlns:GPano="http://ns.google.com/photos/1.0/panorama/" GPano:ProjectionType="%s"/>'
)


def with_xmp(text: bytes) -> bytes:
    return with_segments(PLAIN, jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (with_xmp(GPANO % b"equirectangular"), "equirectangular"),
        (with_xmp(b"<GPano:ProjectionType>cylindrical</GPano:ProjectionType>"), "cylindrical"),
        (with_xmp(b'<x GPano:FullPanoWidthPixels="8000"/>'), "panorama"),
        (
            png(
                quarters(), 2, 8, chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + GPANO % b"equirectangular")
            ),
            "equirectangular",
        ),
        (tiff(quarters(), 2, {700: (1, GPANO % b"equirectangular")}), "equirectangular"),
        (heif(HEIC.read_bytes(), xmp=GPANO % b"equirectangular"), "equirectangular"),
        (with_exif(PLAIN, exif({271: (2, b"Apple\0")}, {0xA401: (3, [6])})), "panorama"),
        (
            with_exif(encoded(quarters(128, 64), "JPEG"), exif({272: (2, b"RICOH THETA Z1\0")})),
            "equirectangular",
        ),
        (with_exif(PLAIN, exif(camera={0xA434: (2, b"Sigma 15mm F2.8 EX Fisheye\0")})), "fisheye"),
        (PLAIN, None),
        (
            with_xmp(b'<x GCamera:MotionPhoto="1" xmlns:GCamera="http://ns.google.com/photos/1.0/camera/"/>'),
            None,
        ),
        (with_xmp(GPANO % b"rectilinear"), None),
        (
            with_exif(PLAIN, exif({271: (2, b"Acme\0")}, {0xA401: (3, [1]), 0xA434: (2, b"EF50mm f/1.8\0")})),
            None,
        ),
    ],
)
def test_photos_of_other_projections_are_recognised(data: bytes, kind: str | None) -> None:
    assert reader.inspect(data).projection == kind


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"nonsense",
        b"II*\0\xff\xff\xff\xff",
        b"MM\0*\0\0\0\x08\xff\xff",
        b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff\xff\xff\xff\xff",
        exif({0x8769: (4, [8])}),
        exif({274: (2, b"6\0")}),
    ],
)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "HEIF"])
def test_broken_exif_never_fails_a_photo(block: bytes, kind: str) -> None:
    match kind:
        case "JPEG":
            data = with_exif(PLAIN, block)
        case "PNG":
            data = png(quarters(), 2, 8, chunk(b"eXIf", block))
        case _:
            data = heif(HEIC.read_bytes(), block=block)
    assert reader.read(data).focal_source == "default"
