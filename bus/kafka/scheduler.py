"""Chooses the record to run next: limited concurrency, rank 0 first, round robin within a rank.

One that may have killed a former process runs alone (`bus.kafka.in_hand`).

A quarter of the slots is reserved for rank 0, whose next record would otherwise wait while others fill all.

It never waits: the code that frees a slot or adds records calls `dispatch`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from itertools import count
from typing import Final

import structlog
from prometheus_client import Counter, Gauge

from bus.contract.envelope import OutRecord, header
from bus.kafka.partition import Entry, InputPartition
from bus.kafka.retry import Handler, OwnersDiedError, Routing, UnexpectedError
from bus.runtime import tasks

log = structlog.stdlib.get_logger(__name__)

IN_FLIGHT = Gauge("sharpstream_processor_in_flight", "Handlers running", ["group"])
HANDLED = Counter(
    "sharpstream_processor_handled", "Attempts by outcome: the class of error or none", ["group", "error"]
)
AHEAD: Final = 4
"""Limit of started records of a partition, counted from its oldest unfinished one, in ``max_in_flight``."""

RESERVED_SHARE: Final = 4
"""One slot in this many is reserved for rank 0; with fewer slots, none."""


class Dispatcher:
    """Runs handlers over the partitions that ``partitions`` returns."""

    def __init__(
        self,
        *,
        group: str,
        max_in_flight: int,
        handle: Handler,
        routing: Routing,
        partitions: Callable[[], Iterable[InputPartition]],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._group, self.max_in_flight = group, max_in_flight
        self._handle, self._routing = handle, routing
        self._partitions, self._failed = partitions, failed
        self._running: dict[asyncio.Task[None], int] = {}  # and the rank of each
        self._turns = count()
        self._last_turn: dict[InputPartition, int] = {}
        self.taking = True
        """False once no more records may start."""

    @property
    def running(self) -> int:
        """The number of running handlers."""
        return len(self._running)

    def dispatch(self) -> None:
        """Start records while there are free slots."""
        now = datetime.now(UTC)
        while self.taking and len(self._running) < self.max_in_flight:
            alone = [p for p in self._partitions() if p.open and p.trying]
            able = [p for p in alone or self._partitions() if p.waiting and self._room(p) and p.due(now)]
            if not able:
                break
            chosen = min(able, key=lambda p: (p.rank, self._last_turn.get(p, -1)))
            if chosen.suspects and self._running:
                break  # it is handled alone: first the others end
            if not chosen.noted():
                continue  # it calls `dispatch` again
            self._last_turn[chosen] = next(self._turns)
            self._start(chosen, chosen.start())
        IN_FLIGHT.labels(self._group).set(len(self._running))

    def forget(self, partition: InputPartition) -> None:
        """Drop the state of a partition that is gone."""
        self._last_turn.pop(partition, None)

    def _room(self, partition: InputPartition) -> bool:
        if len(partition.started) >= AHEAD * self.max_in_flight:
            return False
        others = sum(rank > 0 for rank in self._running.values())
        return partition.rank == 0 or others < self.max_in_flight - self.max_in_flight // RESERVED_SHARE

    def _start(self, partition: InputPartition, entry: Entry) -> None:
        entry.task = asyncio.ensure_future(self._work(partition, entry))
        self._running[entry.task] = partition.rank
        entry.task.add_done_callback(self._ended)

    async def _work(self, partition: InputPartition, entry: Entry) -> None:
        record = entry.record
        if partition.condemned(entry):
            partition.finish(
                entry,
                self._after(entry, OwnersDiedError("Two processes in a row died with this record in hand.")),
            )
            return
        try:
            results = self._routing.check(await self._handle(record))
        except asyncio.CancelledError:
            tasks.check_cancelled()
            # Something inside the handler was cancelled, not this task: a failure like any other.
            results = self._after(entry, UnexpectedError("The work was cancelled from within."))
        except Exception as error:  # noqa: BLE001 - a handler's error must not block later records
            results = self._after(entry, error)
        else:
            HANDLED.labels(self._group, "none").inc()
        partition.finish(entry, results)

    def _after(self, entry: Entry, error: Exception) -> list[OutRecord]:
        record, code = entry.record, getattr(error, "code", "internal")
        HANDLED.labels(self._group, type(error).__name__).inc()
        log.warning(
            "attempt_failed",
            topic=record.topic.name,
            partition=record.partition,
            offset=record.offset,
            attempt=record.attempt,
            subject=header(record.headers, "ce_subject"),
            correlation_id=header(record.headers, "correlation_id"),
            code=code,
            exc_info=error,
        )
        return self._routing.after(record, error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)
        self.dispatch()
