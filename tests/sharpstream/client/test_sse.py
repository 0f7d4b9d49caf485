from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sharpstream.client.sse import Frame, frames

STREAM = (
    ": hello\r\n\r\n"
    'id: 1-0-7\nevent: a.b.v1\ndata: {"x":\ndata: 1}\n\n'
    "retry: 1500\nevent: nothing\n\n"
    "data: caf\u00e9 \u2028 line\r\r"
    "data: cut short"
).encode()


async def chunked(size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(STREAM), size):
        yield STREAM[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_frames_are_the_same_however_the_bytes_arrive(size: int) -> None:
    assert [frame async for frame in frames(chunked(size))] == [
        Frame(event="a.b.v1", data='{"x":\n1}', id="1-0-7", new_id=True),
        Frame(event="message", data="caf\u00e9 \u2028 line", id="1-0-7", new_id=False, retry_ms=1500),
    ]


async def test_an_id_with_a_null_is_ignored_and_an_empty_one_forgets() -> None:
    async def stream() -> AsyncIterator[bytes]:
        yield b"id: 5\ndata: a\n\nid: \0\ndata: b\n\nid\ndata: c\n\n"

    assert [(f.data, f.id, f.new_id) async for f in frames(stream())] == [
        ("a", "5", True),
        ("b", "5", False),
        ("c", None, True),
    ]
