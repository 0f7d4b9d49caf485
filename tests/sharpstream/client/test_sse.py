from __future__ import annotations

import pytest

from sharpstream.client.sse import Frame, Parser

STREAM = (
    ": hello\r\n\r\n"
    'id: 1-0-7\nevent: a.b.v1\ndata: {"x":\ndata: 1}\n\n'
    "retry: 1500\nevent: nothing\n\n"
    "data: caf\u00e9 \u2028 line\r\r"
    "data: cut short"
).encode()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_frames_are_the_same_however_the_bytes_arrive(size: int) -> None:
    parser = Parser()
    chunks = (STREAM[start : start + size] for start in range(0, len(STREAM), size))
    assert [frame for chunk in chunks for frame in parser.feed(chunk)] == [
        Frame(event="a.b.v1", data='{"x":\n1}', id="1-0-7", new_id=True),
        Frame(event="message", data="caf\u00e9 \u2028 line", id="1-0-7", new_id=False, retry_ms=1500),
    ]


def test_an_id_with_a_null_is_ignored_and_an_empty_one_forgets() -> None:
    frames = Parser().feed(b"id: 5\ndata: a\n\nid: \0\ndata: b\n\nid\ndata: c\n\n")
    assert [(f.data, f.id, f.new_id) for f in frames] == [
        ("a", "5", True),
        ("b", "5", False),
        ("c", None, True),
    ]
