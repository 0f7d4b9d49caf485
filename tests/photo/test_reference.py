"""The photos that the reference implementation was run with are read bit for bit as it reads them."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from photo import header, reader
from photo.errors import FocalLengthError
from photo.reader import Picture
from tests.inference_consumer.pictures import encoded, exif_bytes, quadrants
from tests.inference_consumer.pictures import photo as good_photo

FIXTURES = Path(__file__).parents[1] / "fixtures" / "sharp" / "exif"
CASES: list[dict[str, Any]] = json.loads((FIXTURES / "cases.json").read_text())


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(header, "MIN_PHOTO_SIDE", 1)  # the fixtures are 12 x 8


def read(name: str) -> Picture:
    return reader.read((FIXTURES / name).read_bytes())


@pytest.mark.parametrize("case", [c for c in CASES if not c["bug_compatible_only"]], ids=lambda c: c["file"])
def test_reference_cases_are_decoded_bit_for_bit(case: dict[str, Any]) -> None:
    got = read(case["file"])
    assert list(got.pixels.shape) == case["shape"]
    assert got.pixels.dtype == np.uint8
    assert hashlib.sha256(got.pixels.tobytes()).hexdigest() == case["sha256"]
    assert got.focal_px == pytest.approx(case["f_px"], rel=1e-12)


def test_there_are_reference_cases_of_both_kinds() -> None:
    assert [c["bug_compatible_only"] for c in CASES].count(False) == 15
    assert {c["file"] for c in CASES if c["bug_compatible_only"]} == {
        *(f"orient{number}.png" for number in (2, 4, 5, 7)),
        *("gray_alpha.png", "palette.png", "gray16.png", "tiff_orient6.tiff"),
    }


@pytest.mark.parametrize(
    ("number", "upright"),
    [
        (2, lambda stored: stored[:, ::-1]),
        (4, lambda stored: stored[::-1]),
        (5, lambda stored: stored.transpose(1, 0, 2)),
        (7, lambda stored: stored[::-1, ::-1].transpose(1, 0, 2)),
    ],
)
def test_mirrored_photos_are_turned_upright(number: int, upright: Any) -> None:
    stored = read("plain.png").pixels
    got = read(f"orient{number}.png")
    np.testing.assert_array_equal(got.pixels, upright(stored))
    assert got.focal_px == pytest.approx(26 / 3)


def test_a_tiff_is_turned_once_not_twice() -> None:
    np.testing.assert_array_equal(read("tiff_orient6.tiff").pixels, read("orient6.png").pixels)


def test_palette_and_alpha_become_the_visible_colours() -> None:
    palette, grey = read("palette.png").pixels, read("gray_alpha.png").pixels
    assert palette.shape == grey.shape == (8, 12, 3)
    with Image.open(FIXTURES / "palette.png") as stored:
        np.testing.assert_array_equal(palette, np.asarray(stored.convert("RGB")))
    np.testing.assert_array_equal(grey[..., 0], grey[..., 2])
    with Image.open(FIXTURES / "gray_alpha.png") as stored:
        np.testing.assert_array_equal(grey[..., 0], np.asarray(stored)[..., 0])


def test_a_palette_with_transparency_keeps_its_colours() -> None:
    image = Image.fromarray(quadrants()).quantize(4)
    data = encoded(image, "PNG", transparency=bytes([0, 128, 255, 255]))
    np.testing.assert_allclose(reader.read(data).pixels.astype(int), quadrants(), atol=3)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_grey_is_scaled(kind: str) -> None:
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    got = reader.read(encoded(Image.fromarray(ramp), kind)).pixels
    np.testing.assert_array_equal(got[..., 1], np.rint(ramp / 257).astype(np.uint8))


def test_float_grey_is_scaled_and_clipped() -> None:
    ramp = np.linspace(-0.5, 1.5, 64 * 48).reshape(48, 64).astype(np.float32)
    got = reader.read(encoded(Image.fromarray(ramp), "TIFF")).pixels
    np.testing.assert_array_equal(got[..., 0], np.rint(ramp * 255).clip(0, 255))


@pytest.mark.parametrize("mode", ["CMYK", "L", "RGBA", "LA", "1"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.fromarray(quadrants()).convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    got = reader.read(encoded(image, kind)).pixels
    assert got.shape == (48, 64, 3)
    expected = np.asarray(Image.fromarray(quadrants()).convert(mode).convert("RGB")).astype(int)
    np.testing.assert_allclose(got[4:20, 4:28].astype(int), expected[4:20, 4:28], atol=4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_every_format_is_upright_with_its_focal_length(kind: str, orientation: int) -> None:
    stored = Image.fromarray(quadrants())
    exif = exif_bytes(orientation=orientation, focal35=52)
    quality = {} if kind in {"PNG", "TIFF"} else {"quality": 95}
    got = reader.read(encoded(stored, kind, exif=exif, **quality))
    turned = {1: lambda a: a, 6: lambda a: np.rot90(a, -1), 7: lambda a: a[::-1, ::-1].transpose(1, 0, 2)}
    expected = turned[orientation](quadrants()).astype(int)
    assert got.pixels.shape == expected.shape
    cells = (slice(6, None, 12), slice(6, None, 12))  # away from the edges, where compression smears
    np.testing.assert_allclose(got.pixels[cells].astype(int), expected[cells], atol=12)
    assert got.focal_px == pytest.approx(52 * math.hypot(64, 48) / math.hypot(36, 24))


def test_heic_is_read() -> None:
    data = (Path(__file__).parents[1] / "gateway" / "tiny.heic").read_bytes()
    got = reader.read(data)
    assert got.pixels.ndim == 3
    assert got.pixels.std() > 1


@pytest.mark.parametrize(
    ("stated", "expected_mm", "source"),
    [
        ({"focal_mm": 50.0}, 50, "request"),
        ({"focal_px": 123.0, "focal_mm": 50.0}, None, "request"),
        ({}, 26, "exif"),
    ],
)
def test_the_focal_length_of_the_command_overrides_exif(
    stated: dict[str, float], expected_mm: float | None, source: str
) -> None:
    data = good_photo(exif=exif_bytes(focal35=26))
    expected = 123.0 if expected_mm is None else expected_mm * math.hypot(64, 48) / math.hypot(36, 24)
    got = reader.read(data, **stated)
    assert got.focal_px == pytest.approx(expected)
    assert got.focal_source == source


@pytest.mark.parametrize("focal", [0.0, -3.0, math.inf, math.nan])
@pytest.mark.parametrize("unit", ["focal_px", "focal_mm"])
def test_an_impossible_focal_length_is_refused(unit: str, focal: float) -> None:
    with pytest.raises(FocalLengthError) as caught:
        reader.read(good_photo(), **{unit: focal})
    assert caught.value.code == "focal_length_invalid"


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0nonsense", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff"]
)
def test_broken_exif_does_not_fail_a_photo(exif: bytes) -> None:
    assert reader.read(good_photo(kind="JPEG", exif=exif)).focal_px == pytest.approx(
        30 * 80 / math.hypot(36, 24)
    )


def test_an_unknown_focal_length_of_zero_is_not_used() -> None:
    got = reader.read(good_photo(exif=exif_bytes(focal=0.0)))
    assert got.focal_px == pytest.approx(30 * 80 / math.hypot(36, 24))
    assert got.focal_source == "default"
