"""Fans events out to the open streams of this process; holds a ring of recent events for each partition.

Fed by `gateway.streaming.event_tail`; one loop, no locks, no task or timer for each reader. Must never wait
for a reader: a slow one is ended and resumes by its cursor.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from gateway.streaming.cursor import Position, partition_of
from gateway.streaming.event import StreamEvent
from gateway.streaming.subscriber import Reader, StreamLimits, Wanted

SLICE: Final = 128
"""Readers written to before the loop runs other tasks: about 3 ms."""


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
    """All open streams of this process. ``epoch`` and ``partitions`` are those of the events topic.

    ``past_at_once``: how many streams read the event log at the same time. While the ledger is far behind,
    all of them do so twice a second, and would take every connection from the requests.
    """

    def __init__(
        self, *, epoch: int, partitions: int, ring_events: int, limits: StreamLimits, past_at_once: int = 4
    ) -> None:
        self.epoch, self.partitions = epoch, partitions
        self.reading_past = asyncio.Semaphore(past_at_once)
        """Held while a page of the event log is read for a stream."""
        self._ring_events, self._limits = ring_events, limits
        self._rings: dict[int, _Recent] = {}
        # By account and subject (None: all subjects), so that an event visits only the readers that want it.
        self._readers: defaultdict[tuple[UUID, str | None], dict[Reader, None]] = defaultdict(dict)
        self._open: Counter[UUID] = Counter()
        self._due: deque[Reader] = deque()
        self._idle = asyncio.Event()
        self._idle.set()
        self._ready = asyncio.Event()
        self._closed = False
        self.listeners: list[Callable[[StreamEvent], None]] = []
        """Called with every durable event as it is received; must neither wait nor raise."""

    @property
    def ready(self) -> bool:
        """Whether it is known where the rings begin; before that no stream can be opened."""
        return self._ready.is_set()

    async def wait_ready(self, timeout: float) -> None:
        """Wait until `ready`; raises `TimeoutError`."""
        await asyncio.wait_for(self._ready.wait(), timeout)

    def set_floors(self, floors: Mapping[int, int]) -> None:
        """Begin each ring at the offset up to which the event log is complete; missing ones begin at 0."""
        self._rings = {p: _Recent(floors.get(p, 0), self._ring_events) for p in range(self.partitions)}
        self._ready.set()

    def positions(self) -> dict[int, int]:
        """Return the next offset that each ring needs."""
        return {partition: ring.next for partition, ring in self._rings.items()}

    def now(self, account_id: UUID) -> Position:
        """Return the position after the last event received of the account's partition."""
        return self.epoch, self._rings[partition_of(account_id, self.partitions)].next - 1

    def count(self, account_id: UUID) -> int:
        """Return how many streams the account has open here."""
        return self._open[account_id]

    def all(self) -> list[Reader]:
        """Return every open stream."""
        return [reader for readers in self._readers.values() for reader in readers]

    def publish(self, event: StreamEvent) -> None:
        """Take a durable event, in the order of its partition; one that was taken before is ignored."""
        assert event.cursor is not None  # noqa: S101  (progress goes through `broadcast`)
        ring = self._rings[event.cursor.partition]
        if event.cursor.offset >= ring.next:
            ring.add(event.cursor.offset, event)
            self.broadcast(event)
            for listener in self.listeners:
                listener(event)

    def broadcast(self, event: StreamEvent) -> None:
        """Offer the event to the readers that want it, without keeping it."""
        for key in ((event.account_id, None), (event.account_id, event.subject)):
            for reader in self._readers.get(key, ()):
                reader.offer(event)

    async def flushed(self) -> None:
        """Wait until the published events are flushed, so that a burst does not make good readers slow."""
        await self._idle.wait()

    @contextmanager
    def reader(self, wanted: Wanted) -> Iterator[Reader]:
        """Open a stream; it receives nothing until `listen`."""
        reader = Reader(wanted, limits=self._limits, wake=self.wake)
        reader.over = self._closed
        key = (wanted.account_id, wanted.subject)
        self._readers[key][reader] = None
        self._open[wanted.account_id] += 1
        try:
            yield reader
        finally:
            reader.close()
            self._forget(key, reader)

    def floor(self, account_id: UUID) -> Position:
        """Return the position from which on the ring holds every event of the account."""
        return self.epoch, self._rings[partition_of(account_id, self.partitions)].floor

    def listen(self, reader: Reader) -> list[StreamEvent]:
        """Queue events for the reader from now on; return the recent ones: all from `floor` to now."""
        wanted = reader.wanted
        ring = self._rings[partition_of(wanted.account_id, self.partitions)]
        reader.listening = True
        return [event for event in ring.events if _concerns(event, wanted)]

    def wake(self, reader: Reader) -> None:
        """Schedule a flush of the reader; many are flushed in slices, so that the loop stays responsive."""
        self._due.append(reader)
        if self._idle.is_set():
            self._idle.clear()
            asyncio.get_running_loop().call_soon(self._flush)

    def close(self) -> None:
        """End every stream, open ones and later ones: the process is about to stop."""
        self._closed = True
        for reader in self.all():
            reader.end()

    def _flush(self) -> None:
        for _ in range(min(SLICE, len(self._due))):
            self._due.popleft().flush()
        if self._due:
            asyncio.get_running_loop().call_soon(self._flush)
        else:
            self._idle.set()

    def _forget(self, key: tuple[UUID, str | None], reader: Reader) -> None:
        del self._readers[key][reader]
        if not self._readers[key]:
            del self._readers[key]
        self._open[key[0]] -= 1
        if not self._open[key[0]]:
            del self._open[key[0]]


def _concerns(event: StreamEvent, wanted: Wanted) -> bool:
    return (
        event.account_id == wanted.account_id
        and wanted.subject in {None, event.subject}
        and (wanted.types is None or event.type in wanted.types)
    )
