"""Fans events out to the open streams of this process; holds a ring of recent ones a partition.

Fed by `gateway.tail`; one loop, no locks. Must never wait for a reader: a slow one is cut and comes back
with its cursor.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from uuid import UUID

from gateway.cursor import Position, partition_of
from gateway.stream import StreamEvent


class Reader:
    """One open stream: what was recent when it began, and a bounded queue of what came since."""

    def __init__(self, subject: str | None, floor: Position, recent: list[StreamEvent], limit: int) -> None:
        self.subject, self.floor, self.recent = subject, floor, recent
        self.dropped = False
        self._limit = limit
        self._queue: list[StreamEvent] = []
        self._news = asyncio.Event()

    def offer(self, event: StreamEvent) -> None:
        """Queue the event if it concerns this reader; past the limit the reader is dropped."""
        if self.dropped or self.subject not in {None, event.subject}:
            return
        if len(self._queue) >= self._limit:
            self.drop()
            return
        self._queue.append(event)
        self._news.set()

    def drop(self) -> None:
        """End this stream; the client resumes from its cursor."""
        self.dropped = True
        self._queue.clear()
        self._news.set()

    async def take(self, timeout: float) -> list[StreamEvent]:
        """Return what is queued, waiting up to ``timeout`` seconds for the first; then an empty list."""
        if not self._queue and not self.dropped:
            try:
                await asyncio.wait_for(self._news.wait(), timeout)
            except TimeoutError:
                return []
        events, self._queue = self._queue, []
        self._news.clear()
        return events


class _Recent:
    """The ring of one partition: every event from ``floor`` on."""

    def __init__(self, floor: int, size: int) -> None:
        self.floor, self.next, self._size = floor, floor, size
        self.events: deque[StreamEvent] = deque()

    def add(self, offset: int, event: StreamEvent) -> None:
        self.events.append(event)
        self.next = offset + 1
        if len(self.events) > self._size:
            oldest = self.events.popleft().cursor
            self.floor = oldest.offset + 1 if oldest else self.floor


class Hub:
    """All open streams of this process. ``epoch`` and ``partitions`` are those of the events topic."""

    def __init__(self, *, epoch: int, partitions: int, ring_events: int, reader_queue: int) -> None:
        self.epoch, self.partitions = epoch, partitions
        self._ring_events, self._reader_queue = ring_events, reader_queue
        self._rings: dict[int, _Recent] = {}
        self._readers: defaultdict[UUID, set[Reader]] = defaultdict(set)
        self._settled = asyncio.Event()
        self._closed = False

    @property
    def settled(self) -> bool:
        """Whether it is known where the rings begin; before that no stream can be joined."""
        return self._settled.is_set()

    async def wait_settled(self, timeout: float) -> None:
        """Wait until `settled`; raises `TimeoutError`."""
        await asyncio.wait_for(self._settled.wait(), timeout)

    def settle(self, floors: Mapping[int, int]) -> None:
        """Begin each ring at the offset up to which the event log is complete; missing ones begin at 0."""
        self._rings = {p: _Recent(floors.get(p, 0), self._ring_events) for p in range(self.partitions)}
        self._settled.set()

    def positions(self) -> dict[int, int]:
        """Return the next offset that each ring needs."""
        return {partition: ring.next for partition, ring in self._rings.items()}

    def publish(self, event: StreamEvent) -> None:
        """Take a durable event, in the order of its partition; one that was taken before is ignored."""
        assert event.cursor is not None  # noqa: S101  (progress goes through `tell`)
        ring = self._rings[event.cursor.partition]
        if event.cursor.offset >= ring.next:
            ring.add(event.cursor.offset, event)
            self.tell(event)

    def tell(self, event: StreamEvent) -> None:
        """Hand the event to the account's readers, and keep nothing."""
        for reader in self._readers.get(event.account_id, ()):
            reader.offer(event)

    @contextmanager
    def reader(self, account_id: UUID, subject: str | None = None) -> Iterator[Reader]:
        """Open a stream of the account's events, or one subject's; ring snapshot and queue meet exactly."""
        ring = self._rings[partition_of(account_id, self.partitions)]
        recent = [
            event
            for event in ring.events
            if event.account_id == account_id and subject in {None, event.subject}
        ]
        reader = Reader(subject, (self.epoch, ring.floor), recent, self._reader_queue)
        if self._closed:
            reader.drop()
        self._readers[account_id].add(reader)
        try:
            yield reader
        finally:
            self._readers[account_id].discard(reader)
            if not self._readers[account_id]:
                del self._readers[account_id]

    def close(self) -> None:
        """End every stream, now and from now on: the process is about to stop."""
        self._closed = True
        for readers in self._readers.values():
            for reader in readers:
                reader.drop()
