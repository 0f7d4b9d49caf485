"""The check of a photo before it is accepted."""

import pytest
from PIL import Image

from bus.contract.limits import MAX_PHOTO_PIXELS, PHOTO_MEDIA_TYPES
from gateway.errors import DomainError
from gateway.scenes import photo_check
from tests.gateway.pictures import HEIGHT, WIDTH, encoded, png_header_only


@pytest.fixture(autouse=True)
def _prepared():
    photo_check.prepare()


def inspect_photo(data: bytes) -> None:
    photo_check.inspect(data)
    photo_check.verify(data)


def code_of(data: bytes) -> str:
    with pytest.raises(DomainError) as caught:
        inspect_photo(data)
    assert caught.value.message.endswith((".", "?"))
    return caught.value.code


@pytest.mark.parametrize("kind", sorted(PHOTO_MEDIA_TYPES))
def test_every_documented_format_passes(kind):
    data = encoded(kind)
    facts = photo_check.inspect(data)
    photo_check.verify(data)
    assert facts.media_type == PHOTO_MEDIA_TYPES[kind]
    assert (facts.width, facts.height) == ((48, 32) if kind == "HEIF" else (WIDTH, HEIGHT))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize(("orientation", "turned"), [(1, False), (3, False), (6, True), (8, True)])
def test_size_is_that_of_the_upright_photo(kind, orientation, turned):
    facts = photo_check.inspect(encoded(kind, orientation=orientation))
    assert (facts.width, facts.height) == ((HEIGHT, WIDTH) if turned else (WIDTH, HEIGHT))


def test_an_empty_photo_is_refused():
    assert code_of(b"") == "photo_empty"


@pytest.mark.parametrize("data", [b"hello, I am a photo", b"%PDF-1.7 ...", b"GIF89a" + b"\0" * 50, b"\0"])
def test_data_that_is_no_photo_is_refused(data):
    assert code_of(data) == "unsupported_media_type"


@pytest.mark.parametrize("kind", sorted(PHOTO_MEDIA_TYPES))
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_photo_is_refused(kind, share):
    data = encoded(kind, size=(256, 192)) if kind != "HEIF" else encoded(kind)
    assert code_of(data[: int(len(data) * share)]) == "photo_truncated"


def test_a_damaged_png_fails_its_checksum():
    data = bytearray(encoded("PNG"))
    data[len(data) // 2] ^= 0xFF
    assert code_of(bytes(data)) == "photo_truncated"


def test_one_pixel_is_too_small():
    assert code_of(encoded("PNG", size=(1, 1))) == "photo_too_small"
    assert code_of(encoded("PNG", size=(4000, 8))) == "photo_too_small"


def test_a_bomb_is_refused_by_its_header_alone(monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda _: pytest.fail("decoded a bomb"))
    assert code_of(png_header_only(20_000, 10_000)) == "photo_too_many_pixels"
    side = int(MAX_PHOTO_PIXELS**0.5)
    assert photo_check.inspect(png_header_only(side, side)).width == side
