"""The photo of a comparison is the one that the scene was made of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export_consumer import photo
from export_consumer.errors import PhotoUnreadableError
from inference_consumer import photo as inference_photo
from tests.inference_consumer.pictures import encoded, exif_bytes, png_that_claims, quadrants
from tests.inference_consumer.pictures import photo as good_photo

HEIC = Path(__file__).parents[1] / "gateway" / "tiny.heic"


def same_as_the_inference_role(data: bytes) -> None:
    inference_photo.prepare()
    np.testing.assert_array_equal(np.asarray(photo.read(data)), inference_photo.decode(data).pixels)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_format_is_upright(kind: str, orientation: int) -> None:
    data = good_photo(kind=kind, exif=exif_bytes(orientation=orientation))
    same_as_the_inference_role(data)
    assert photo.read(data).size == ((64, 48) if orientation < 5 else (48, 64))


def test_heic_is_read() -> None:
    same_as_the_inference_role(HEIC.read_bytes())


@pytest.mark.parametrize("mode", ["CMYK", "L", "RGBA", "LA", "1", "P"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    image = Image.fromarray(quadrants()).convert(mode)
    same_as_the_inference_role(encoded(image, "JPEG" if mode == "CMYK" else "PNG"))


def test_grey_of_16_bits_is_scaled() -> None:
    grey = np.linspace(0, 65535, 64 * 48).astype(np.uint16).reshape(48, 64)
    same_as_the_inference_role(encoded(Image.fromarray(grey)))


@pytest.mark.parametrize(
    "data",
    [b"", b"Not a photo.", good_photo()[:-200], png_that_claims(20_000, 20_000), b"\x89PNG\r\n\x1a\n"],
    ids=["empty", "text", "cut short", "bomb", "header alone"],
)
def test_what_cannot_be_read_is_refused(data: bytes) -> None:
    with pytest.raises(PhotoUnreadableError):
        photo.read(data)
