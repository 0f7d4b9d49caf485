"""One open stream: a bounded queue of events, and writing without a task of its own.

The hub calls `offer` and `flush`; neither may wait. A server takes a chunk at once unless the client reads
too slowly: only then is there a task, and a clock, for this reader. One that lags too far is ended, and comes
back with the last id it got.
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
"""Writes a chunk; False says that it is the last one."""


class EventFilter(Protocol):
    """Lets through what the client has not seen; `gateway.streaming.catch_up.Join` is the one."""

    ended: bool

    def take(self, events: Iterable[StreamEvent]) -> Iterator[StreamEvent]:
        """Yield what is new."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamLimits:
    """How far a reader may lag: events and bytes waiting for it, seconds for one write.

    Twice ``bytes`` is what it may hold of this process's memory: once here, once in the server's buffer.
    """

    events: int
    bytes: int
    stall_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What a stream shows: one subject or all of the account's, some types or all."""

    account_id: UUID
    subject: str | None = None
    types: frozenset[str] | None = None
    api_key_id: UUID | None = None
    """By which key it was opened; for ending it when the key is revoked."""


class Reader:
    """Made and known by the hub; ``wake`` asks it for a `flush`."""

    def __init__(self, wanted: Wanted, *, limits: StreamLimits, wake: Callable[[Reader], None]) -> None:
        self.wanted = wanted
        self.listening = False
        """The hub queues for it."""
        self.dropped = False
        """It was too slow."""
        self.aborted = False
        """It was ended without a word."""
        self.over = False
        """Nothing more will be queued."""
        self.silent = False
        """A comment is due."""
        # Not all at once: those who came together after a restart leave over a fifth of the time.
        self.max_age_jitter = random.uniform(0.8, 1)  # noqa: S311
        """How much of the longest life is its own."""
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
        """Give it the socket; ``cut`` ends a response that cannot be written to."""
        self._write, self._cut = write, cut
        if self.over:  # the process is stopping
            self._push(b"", more=False)

    def go_live(self, event_filter: EventFilter) -> None:
        """Let what is queued flow, through ``event_filter``: the past is written."""
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
        """Take what waits."""
        events, self._queue, self._bytes = self._queue, [], 0
        return events

    def flush(self) -> None:
        """Write what waits, or a comment if one is due; without waiting."""
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
        """Write, and come back when the server has taken it; for the past, before `go_live`."""
        await self._written()
        if not self.over:
            self._push(chunk)
            await self._written()

    async def _written(self) -> None:
        while self._writing is not None:
            await asyncio.wait([self._writing])

    def end(self) -> None:
        """End the stream; the client resumes by its last id. What waits is not sent."""
        if self.over:
            return
        self.over = True
        self.queued()
        if self._writing is None and self._write is not None:
            self._push(b"", more=False)

    def abort(self) -> None:
        """End it without another word; the client resumes by its last id."""
        self.over = self.aborted = True
        self.queued()
        self._cut()

    def close(self) -> None:
        """Forget it: the connection is gone, or the response is complete."""
        self.over = True
        self.queued()
        if self._writing is not None:
            self._writing.cancel()

    def _push(self, chunk: bytes, *, more: bool = True) -> None:
        """Write by running the coroutine as far as it goes; nearly always that is to its end."""
        assert self._write is not None  # noqa: S101  (opened before anything is written)
        self.spoke = self._loop.time()
        steps = self._write(chunk, more).__await__()
        try:
            waits_for = next(steps)
        except StopIteration:
            return
        except Exception:  # noqa: BLE001  (one reader's trouble must not become the others')
            _log.exception("stream_broken")
            self.abort()
            return
        self._writing = self._loop.create_task(self._finish(_Begun(steps, waits_for), more=more))

    async def _finish(self, begun: _Begun, *, more: bool) -> None:
        """Wait until the slow client has made room, or give it up."""
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
    """The rest of an awaitable whose first step was made by hand."""

    def __init__(self, steps: Generator[Any, Any, None], waits_for: Any) -> None:
        self._steps, self._waits_for = steps, waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        try:
            yield self._waits_for
        except BaseException as error:  # noqa: BLE001  (cancellation too is for whom we stand for)
            with suppress(StopIteration):
                yield self._steps.throw(error)
                yield from self._steps
            return
        yield from self._steps


def _nothing() -> None:
    pass
