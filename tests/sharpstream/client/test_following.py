"""A stream over several connections: which frames are events, and where the next connection resumes."""

from __future__ import annotations

import json

import httpx
import pytest
from httpx_sse import EventSource, ServerSentEvent

from sharpstream.client.following import Following
from sharpstream.client.models import Event

BODY = json.dumps(
    {"id": "a", "time": "2026-01-01T00:00:00Z", "data": {"text": "caf\u00e9 \u2028 line"}}, ensure_ascii=False
)
STREAM = (
    ": hello\r\n\r\n"
    f"id: 1-0-7\nevent: a.b.v1\ndata: {BODY}\n\n"
    ": heartbeat\n\n"
    f"event: progress.v1\ndata: {BODY}\r\r"
    f"id: 1-0-8\nevent: c.d.v1\ndata: {BODY}\n\n"
    f"id: 1-0-9\nevent: e.f.v1\ndata: {BODY}"
).encode()


def follow(following: Following, size: int) -> list[Event]:
    chunks = (STREAM[start : start + size] for start in range(0, len(STREAM), size))
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=chunks)
    return [event for frame in EventSource(answer).iter_sse() if (event := following.take(frame))]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_are_the_same_however_the_bytes_arrive(size: int) -> None:
    following = Following("events", ends=False)
    following.connect()
    events = follow(following, size)
    assert [(event.type, event.cursor) for event in events] == [
        ("a.b.v1", "1-0-7"),
        ("progress.v1", None),
        ("c.d.v1", "1-0-8"),
    ]
    assert {event.data["text"] for event in events} == {"caf\u00e9 \u2028 line"}


def test_the_next_connection_goes_on_after_the_last_durable_event() -> None:
    following = Following("events", ends=False)
    assert "Last-Event-ID" not in following.connect()
    follow(following, 1000)
    assert following.connect()["Last-Event-ID"] == "1-0-8"
    # A new connection begins without an id: the same id again is an event again.
    again = following.take(ServerSentEvent(event="c.d.v1", data=BODY, id="1-0-8"))
    assert again is not None
    assert again.cursor == "1-0-8"


def test_who_is_cut_off_before_the_first_event_goes_on_from_where_the_stream_began() -> None:
    opening = httpx.Response(
        200, headers={"content-type": "text/event-stream"}, content=b"retry: 1500\nid: 1-0-4\n\n: hello\n\n"
    )
    following = Following("events", ends=False)
    following.connect()
    assert [following.take(frame) for frame in EventSource(opening).iter_sse()].count(None) >= 1
    assert following.connect()["Last-Event-ID"] == "1-0-4"
