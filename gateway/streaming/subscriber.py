"""One open stream: a bounded queue of events, and writing without a task of its own.

The hub calls `offer` and `flush`; neither may wait. A server accepts a chunk at once unless the client reads
too slowly: only then does this reader get a task and a timeout. A reader that lags too far is ended, and its
client resumes by the last id it got.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import structlog

from gateway.streaming.event import HEARTBEAT, StreamEvent

_log = structlog.stdlib.get_logger(__name__)

Write = Callable[[bytes, bool], Awaitable[None]]
"""Writes a chunk; False marks the last one."""


class EventFilter(Protocol):
    """Passes the events that the client has not seen; implemented by `gateway.streaming.catch_up.Join`."""

    ended: bool

    def take(self, events: Iterable[StreamEvent]) -> Iterator[StreamEvent]:
        """Yield the new events."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamLimits:
    """How far a reader may lag: events and bytes waiting for it, seconds for one write.

    It may hold twice ``bytes`` of this process's memory: once here, once in the server's buffer.
    """

    events: int
    bytes: int
    stall_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The events that a stream shows: one subject or all of the account's, some types or all."""

    account_id: UUID
    subject: str | None = None
    types: frozenset[str] | None = None
    api_key_id: UUID | None = None
    """The key that opened the stream, which ends when the key is revoked."""
    session_id: UUID | None = None
    """The same for a person's sign-in."""


class Reader:
    """One subscriber. The hub makes it and keeps it; ``wake`` requests a `flush` from the hub."""

    def __init__(self, wanted: Wanted, *, limits: StreamLimits, wake: Callable[[Reader], None]) -> None:
        self.wanted = wanted
        self.listening = False
        """The hub queues events for it."""
        self.dropped = False
        """It was too slow."""
        self.aborted = False
        """It was closed without a final chunk."""
        self.over = False
        """Nothing more will be queued."""
        self.silent = False
        """A comment is due."""
        # Streams that were opened together after a restart end spread over a fifth of the maximum age.
        self.max_age_jitter = random.uniform(0.8, 1)  # noqa: S311
        """Factor of the maximum age."""
        loop = asyncio.get_running_loop()
        self._loop, self.opened, self.spoke = loop, loop.time(), loop.time()
        self._limits, self._wake = limits, wake
        self._queue: list[StreamEvent] = []
        self._bytes = 0
        self._write: Write | None = None
        self._cut: Callable[[], object] = _nothing
        self._filter: EventFilter | None = None
        self._writing: asyncio.Task[None] | None = None

    def open(self, write: Write, cut: Callable[[], object]) -> None:
        """Set the function that writes; ``cut`` ends a response that cannot be written to."""
        self._write, self._cut = write, cut
        if self.over:  # the process is stopping
            self._push(b"", more=False)

    def go_live(self, event_filter: EventFilter) -> None:
        """Begin to write queued events through ``event_filter``, once the past is written."""
        self._filter = event_filter
        self._wake(self)

    def offer(self, event: StreamEvent) -> None:
        """Queue the event if it is wanted; past the limits the reader is dropped."""
        types = self.wanted.types
        if self.over or not self.listening or (types is not None and event.type not in types):
            return
        self._bytes += len(event.frame)
        if len(self._queue) >= self._limits.events or self._bytes > self._limits.bytes:
            self.dropped = True
            self.end()
            return
        self._queue.append(event)
        if self._filter is not None and len(self._queue) == 1:
            self._wake(self)

    def queued(self) -> list[StreamEvent]:
        """Return the queued events and empty the queue."""
        events, self._queue, self._bytes = self._queue, [], 0
        return events

    def flush(self) -> None:
        """Write the queued events, or a comment if one is due, without waiting."""
        if self._writing is not None or self.over or self._write is None:
            return
        chunk = self._news() or (HEARTBEAT if self.silent else b"")
        self.silent = False
        if self._filter is not None and self._filter.ended:
            self.over = True
            self._push(chunk, more=False)
        elif chunk:
            self._push(chunk)

    def _news(self) -> bytes:
        if self._filter is None or not self._queue:
            return b""
        return b"".join([event.frame for event in self._filter.take(self.queued())])

    async def send(self, chunk: bytes) -> None:
        """Write, and return once the server has accepted it; for the past, before `go_live`."""
        await self._written()
        if not self.over:
            self._push(chunk)
            await self._written()

    async def _written(self) -> None:
        while self._writing is not None:
            await asyncio.wait([self._writing])

    def end(self) -> None:
        """End the stream; the client resumes by its last id. Queued events are not sent."""
        if self.over:
            return
        self.over = True
        self.queued()
        if self._writing is None and self._write is not None:
            self._push(b"", more=False)

    def abort(self) -> None:
        """End it without a final chunk; the client resumes by its last id."""
        self.over = self.aborted = True
        self.queued()
        self._cut()

    def close(self) -> None:
        """Release it: the connection is closed, or the response is complete."""
        self.over = True
        self.queued()
        if self._writing is not None:
            self._writing.cancel()

    def _push(self, chunk: bytes, *, more: bool = True) -> None:
        """Write by running the coroutine to its first wait; nearly always it completes without one."""
        assert self._write is not None  # noqa: S101  (opened before anything is written)
        self.spoke = self._loop.time()
        steps = self._write(chunk, more).__await__()
        try:
            waits_for = next(steps)
        except StopIteration:
            return
        except Exception:  # noqa: BLE001  (one reader's error must not affect others)
            _log.exception("stream_broken")
            self.abort()
            return
        self._writing = self._loop.create_task(self._finish(_Begun(steps, waits_for), more=more))

    async def _finish(self, begun: _Begun, *, more: bool) -> None:
        """Wait until the slow client has read the chunk; abort after ``stall_s``."""
        try:
            async with asyncio.timeout(self._limits.stall_s):
                await begun
        except TimeoutError:
            self.dropped = True
            self.abort()
            return
        self._writing = None
        if not more:
            return
        if self.over:
            self._push(b"", more=False)
        else:
            self.flush()


class _Begun:
    """The rest of an awaitable whose first step was run without a task."""

    def __init__(self, steps: Generator[Any, Any, None], waits_for: Any) -> None:
        self._steps, self._waits_for = steps, waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield self._waits_for
        except BaseException as error:  # noqa: BLE001  (cancellation too goes to the wrapped awaitable)
            with suppress(StopIteration):
                yield self._steps.throw(error)
                yield from self._steps
            return
        yield from self._steps


def _nothing() -> None:
    pass
