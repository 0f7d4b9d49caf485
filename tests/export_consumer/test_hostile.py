"""Malformed files: each is refused with a sentence."""

from __future__ import annotations

import re
import struct
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from export_consumer import splat
from export_consumer.errors import SplatCorruptError
from export_consumer.worker import convert
from tests.export_consumer.scenes import ply, scene

PLY: Final = ply(scene(6))
HEAD, BODY = PLY[: PLY.index(b"end_header\n") + 11], PLY[PLY.index(b"end_header\n") + 11 :]
COUNT: Final = scene(6).gaussians.size
EVIL: Final = (float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-45, -0.0)
WORDS: Final = [
    *(b"ply", b"format", b"binary_little_endian", b"ascii", b"1.0", b"comment", b"camera", b"element"),
    *(b"vertex", b"intrinsic", b"image_size", b"property", b"float", b"uint", b"uchar", b"list", b"x", b"\n"),
    *(
        b"-1",
        b"0",
        b"1",
        b"2",
        b"4294967296",
        b"9" * 5000,
        b"1e9",
        b"nan",
        b"inf",
        b"\xff\xfe",
        b"end_header",
    ),
]


def read(data: bytes) -> None:
    """Read the file or check its refusal. A scene that is accepted must be sound."""
    try:
        found = splat.read(data)
    except SplatCorruptError:
        return
    g = found.gaussians
    assert all(np.isfinite(values).all() for values in g)
    assert np.isfinite(np.exp(g.log_scales) ** 2).all()
    np.testing.assert_allclose(np.linalg.norm(g.quaternions, axis=1), 1, atol=2e-3)
    assert found.camera.focal_px > 0
    assert min(found.camera[1:]) >= 1


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_arbitrary_words_in_the_header(data: st.DataObject) -> None:
    words = re.split(rb"([ \n])", HEAD)
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(words) - 1))
        words[index] = data.draw(st.sampled_from(WORDS) | st.binary(max_size=8))
    read(b"".join(words) + BODY)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_arbitrary_numbers_in_the_body(data: st.DataObject) -> None:
    body = bytearray(BODY)
    for _ in range(data.draw(st.integers(1, 4))):
        number = data.draw(st.sampled_from(EVIL) | st.floats(width=32))
        struct.pack_into("<f", body, 4 * data.draw(st.integers(0, len(body) // 4 - 1)), number)
    read(HEAD + bytes(body))


@given(st.integers(0, len(PLY)), st.binary(max_size=64))
@settings(max_examples=30, deadline=None)
def test_a_file_cut_anywhere_and_continued_with_other_bytes(length: int, rest: bytes) -> None:
    read(PLY[:length] + rest)


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (b"49999999", "cut short"),  # 2.8 GB that do not exist: nothing may be allocated for them
        (b"50000001", "never write"),
        (b"9" * 5000, "never write"),  # Python itself refuses to parse that many digits
        (b"-96", "never write"),
        (b"0", "no Gaussians"),
        (b"96.0", "never write"),
    ],
    ids=lambda value: value[:8].decode() if isinstance(value, bytes) else "",
)
def test_a_false_vertex_count(count: bytes, says: str) -> None:
    lying = PLY.replace(f"element vertex {COUNT}".encode(), b"element vertex " + count)
    with pytest.raises(SplatCorruptError, match=says):
        splat.read(lying)


def test_an_element_declared_twice() -> None:
    twice = HEAD.replace(b"end_header", b"element more 1\nproperty float a\nelement vertex 1\nend_header")
    with pytest.raises(SplatCorruptError, match="never write"):
        splat.read(twice + BODY + bytes(8))


def test_unknown_elements_are_skipped() -> None:
    more = HEAD.replace(b"end_header", b"element more 2\nproperty uchar a\nend_header")
    assert splat.read(more + BODY + b"ab").gaussians.size == COUNT
    with pytest.raises(SplatCorruptError, match="cut short inside more"):
        splat.read(more + BODY + b"a")


@pytest.mark.parametrize(
    "name", ["ply", "ply_compressed", "splat", "ksplat", "spz", "sog", "glb", "usdz", "png"]
)
def test_a_single_gaussian_is_converted(name: str) -> None:
    assert convert(name, {"max_gaussians": 1}, PLY).data
