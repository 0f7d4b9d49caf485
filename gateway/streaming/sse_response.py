"""One live stream as a response: writes the past, then waits while the hub writes the rest.

A stream costs one task, which sleeps until the client disconnects or the response is complete. A second task
writes the past, because a client may disconnect while the log is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import structlog
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from litestar.types import Receive, Send

from gateway.metrics import Metrics
from gateway.streaming import event as stream
from gateway.streaming.catch_up import Join
from gateway.streaming.cursor import Position
from gateway.streaming.event import StreamEvent
from gateway.streaming.hub import Hub
from gateway.streaming.subscriber import Reader, Wanted

HEADERS: Final = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}
"""Proxies must neither cache, compress nor buffer a stream."""
CHUNK_BYTES: Final = 32 * 1024
"""Size of a chunk of the past: less than a server buffers before it blocks on a slow client (64 KiB)."""
_PAUSES_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Pauses while the ledger lags; the last one repeats."""
_log = structlog.stdlib.get_logger(__name__)

Page: TypeAlias = Callable[[Position], Awaitable[tuple[Sequence[StreamEvent], Position]]]
"""Reads the log after a position: events, and the position up to which it was complete before the read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Following:
    """A client's subscription. ``position``, sent first, is where the stream begins without a cursor."""

    wanted: Wanted
    after: Position
    page: Page
    endings: Sequence[str] = ()
    position: str | None = None


class EventStream(Stream):
    """The response of a handler; the log is read only after the response head is sent."""

    def __init__(self, following: Following, hub: Hub, metrics: Metrics) -> None:
        super().__init__((), media_type=stream.MEDIA_TYPE, headers=HEADERS)
        self._following, self._hub, self._metrics = following, hub, metrics

    def to_asgi_response(self, *arguments: Any, **named: Any) -> ASGIResponse:
        """Return the ASGI response that writes it."""
        made = super().to_asgi_response(*arguments, **named)
        return _Written(self._following, self._hub, self._metrics, made)


class _Written(ASGIStreamingResponse):
    """Litestar's streaming response with a body that the hub writes."""

    def __init__(self, following: Following, hub: Hub, metrics: Metrics, made: ASGIResponse) -> None:
        super().__init__(iterator=(), headers=dict(made.headers.items()), media_type=stream.MEDIA_TYPE)
        self._following, self._hub, self._metrics = following, hub, metrics

    async def send_body(self, send: Send, receive: Receive) -> None:
        """Wait until the client has disconnected or the stream has ended."""
        with self._metrics.readers.track_inprogress(), self._hub.reader(self._following.wanted) as reader:
            await _attend(self._hub, self._following, reader, send, receive)
            if reader.dropped:
                self._metrics.dropped.inc()


async def _attend(hub: Hub, following: Following, reader: Reader, send: Send, receive: Receive) -> None:
    owner = asyncio.current_task()
    assert owner is not None  # noqa: S101  (a coroutine of a server runs in a task)
    reader.open(
        lambda chunk, more: send({"type": "http.response.body", "body": chunk, "more_body": more}),
        owner.cancel,
    )
    beginning = asyncio.create_task(_begin(hub, following, reader))
    try:
        # A server also reports a disconnect once the response is complete.
        while (await receive())["type"] != "http.disconnect":
            pass
    except asyncio.CancelledError:
        if not reader.aborted:
            raise
        owner.uncancel()  # it was `Reader.abort`: returning makes the server close the connection
    finally:
        beginning.cancel()


async def _begin(hub: Hub, following: Following, reader: Reader) -> None:
    """Write the past and the ring's events, then leave the reader to the hub."""
    account_id = following.wanted.account_id
    join = Join(after=following.after, floor=hub.floor(account_id), endings=following.endings)
    try:
        await reader.send(stream.opening(following.position))
        await _past(hub, following.page, join, reader)
        recent = hub.listen(reader)  # only now, so that a long past does not fill the queue
        join.floor = hub.floor(account_id)
        await _past(hub, following.page, join, reader)
        await _send_events(reader, join.take(recent))
    except Exception as error:  # noqa: BLE001  (the head is sent: the stream can only be ended)
        _log.warning("stream_past_failed", error=repr(error))
        reader.end()
    else:
        reader.go_live(join)


async def _past(hub: Hub, page: Page, join: Join, reader: Reader) -> None:
    lag = 0
    while join.needs_past and not reader.over:
        if lag:
            await asyncio.sleep(_PAUSES_S[min(lag, len(_PAUSES_S)) - 1])
        async with hub.reading_past:
            events, projected = await page(join.seen)
        await _send_events(reader, join.past(events, projected))
        lag = 0 if events else lag + 1


async def _send_events(reader: Reader, events: Iterable[StreamEvent]) -> None:
    for chunk in _chunks(events):
        await reader.send(chunk)


def _chunks(events: Iterable[StreamEvent]) -> Iterator[bytes]:
    frames: list[bytes] = []
    size = 0
    for event in events:
        frames.append(event.frame)
        size += len(event.frame)
        if size >= CHUNK_BYTES:
            yield b"".join(frames)
            frames, size = [], 0
    if frames:
        yield b"".join(frames)
