"""Projects a batch of records into Postgres: rows and offsets are written in one transaction.

A repeat, from a redelivery or a process resumed after a pause, changes nothing. ``apply`` interprets records
and handles undecodable ones; `bus.bridges.projector` reads them from Kafka. This module must do neither.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn, TypeAlias
from uuid import UUID

import asyncpg
import structlog
from aiokafka import ConsumerRecord
from prometheus_client import Counter, Gauge, Histogram

from bus.bridges import log_identity
from bus.bridges.log_identity import LogReplacedError
from bus.contract.envelope import present
from bus.runtime import tracing

log = structlog.stdlib.get_logger(__name__)

PROJECTED = Counter("sharpstream_projector_records", "Records projected", ["projector"])
SECONDS = Histogram(
    "sharpstream_projector_batch_seconds",
    "One batch, from its transaction's begin to its commit, seconds",
    ["projector"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 10),
)
FREEZE_S: Final = 15
"""A process frozen inside its transaction keeps the offsets locked; then the server ends its session."""

PartitionKey: TypeAlias = tuple[str, int]
"""Topic and partition."""

REPLACED = Gauge(
    "sharpstream_projector_log_replaced", "1 while a projector stands still before another log", ["projector"]
)
_LOCK: Final = """
SELECT topic, partition, next_offset, topic_id FROM projector_offsets
WHERE projector = $1 AND epoch = $2
    AND (topic, partition) IN (SELECT * FROM unnest($3::text[], $4::integer[]))
ORDER BY topic, partition FOR UPDATE"""
_BEGIN: Final = """
INSERT INTO projector_offsets (projector, epoch, topic, partition, next_offset, topic_id)
SELECT $1, $2, topic, partition, 0, topic_id
FROM unnest($3::text[], $4::integer[], $5::uuid[]) AS new (topic, partition, topic_id)
ORDER BY topic, partition ON CONFLICT DO NOTHING"""
_MOVE: Final = """
UPDATE projector_offsets AS o SET next_offset = moved.next_offset, updated_at = now()
FROM unnest($3::text[], $4::integer[], $5::bigint[]) AS moved (topic, partition, next_offset)
WHERE o.projector = $1 AND o.epoch = $2 AND o.topic = moved.topic AND o.partition = moved.partition"""
_KNOWN: Final = """
SELECT DISTINCT topic, topic_id FROM projector_offsets
WHERE projector = $1 AND epoch = $2 AND topic = ANY($3::text[])"""
# Of rows from before the ids were kept.
_REMEMBER: Final = """
UPDATE projector_offsets AS o SET topic_id = found.topic_id
FROM unnest($3::text[], $4::uuid[]) AS found (topic, topic_id)
WHERE o.projector = $1 AND o.epoch = $2 AND o.topic = found.topic AND o.topic_id IS NULL"""
_READ: Final = _LOCK.replace("FOR UPDATE", "")


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record as Kafka stores it, not decoded."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: datetime

    @property
    def partition_key(self) -> PartitionKey:
        """Topic and partition."""
        return self.topic, self.partition


def raw_record(record: ConsumerRecord) -> RawRecord:
    """Convert aiokafka's record into a `RawRecord`."""
    return RawRecord(
        record.topic,
        record.partition,
        record.offset,
        record.key,
        record.value,
        present(record.headers),
        datetime.fromtimestamp(record.timestamp / 1000, UTC),
    )


Apply = Callable[[asyncpg.Connection, Sequence[RawRecord]], Awaitable[None]]
"""Writes the rows of the records in the caller's transaction; may be repeated after a rollback."""


class Projector:
    """Applies records exactly once, in the order of their offsets. ``epoch`` is the topic epoch."""

    def __init__(self, pool: asyncpg.Pool, *, name: str, epoch: int, apply: Apply) -> None:
        self._pool, self.name, self._epoch, self._apply = pool, name, epoch, apply
        self._stopped = asyncio.Event()
        self._topic_ids: dict[str, UUID] = {}
        self.halted: LogReplacedError | None = None
        """Why it stands still: Kafka's log is another one than was projected."""
        REPLACED.labels(name).set(0)
        self.error: Exception | None = None
        """The error that stopped it permanently."""

    def fail(self, error: Exception) -> None:
        """Store the error that stopped it permanently; `watch` raises it."""
        self.error = self.error or error
        self._stopped.set()

    def halt(self, error: LogReplacedError | None) -> None:
        """Stand still for this reason, or go on."""
        if error is not None and self.halted is None:
            log.error("projector_halted", projector=self.name, error=error.message)
        self.halted = error
        REPLACED.labels(self.name).set(error is not None)

    async def identify(self, topic_ids: Mapping[str, UUID]) -> None:
        """Compare topics with those that were projected, and remember them. Raises `LogReplacedError`."""
        rows = await self._pool.fetch(_KNOWN, self.name, self._epoch, list(topic_ids))
        log_identity.require_same(rows, topic_ids)
        if any(row["topic_id"] is None for row in rows):
            names, found = list(topic_ids), list(topic_ids.values())
            await self._pool.execute(_REMEMBER, self.name, self._epoch, names, found)
        self._topic_ids |= topic_ids

    async def watch(self) -> NoReturn:
        """Wait for a permanent error and raise it. The caller ends the process; the next one resumes."""
        await self._stopped.wait()
        raise self.error or AssertionError

    async def project(self, records: Sequence[RawRecord]) -> int:
        """Apply the new records in one transaction and return their number.

        The records of a partition must be contiguous; repeats are allowed. Errors of ``apply`` propagate and
        roll everything back, as does `LogReplacedError`. Concurrent calls, also by other processes, wait for
        each other where they share a partition.
        """
        if not records:
            return 0
        began_ns = time.time_ns()
        with SECONDS.labels(self.name).time():
            async with self._pool.acquire() as connection, connection.transaction():
                new = await self._write(connection, records)
        PROJECTED.labels(self.name).inc(len(new))
        tracing.each("project", new, began_ns=began_ns, kind=tracing.CONSUMER, projector=self.name)
        return len(new)

    async def _write(self, connection: asyncpg.Connection, records: Sequence[RawRecord]) -> list[RawRecord]:
        await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = {FREEZE_S * 1000}")
        reached = await self._lock(connection, {record.partition_key for record in records})
        new: list[RawRecord] = []
        for record in records:
            if record.offset >= reached[record.partition_key]:
                new.append(record)
                reached[record.partition_key] = record.offset + 1
        if new:
            await self._apply(connection, new)
            moved = sorted({record.partition_key for record in new})
            await connection.execute(
                _MOVE,
                self.name,
                self._epoch,
                *_columns(moved),
                [reached[partition_key] for partition_key in moved],
            )
        return new

    async def _lock(
        self, connection: asyncpg.Connection, partition_keys: Iterable[PartitionKey]
    ) -> dict[PartitionKey, int]:
        """Lock the offsets, in the same order in every process, and return them; new ones begin at 0."""
        wanted = sorted(partition_keys)
        arguments = (self.name, self._epoch, *_columns(wanted))
        rows = await connection.fetch(_LOCK, *arguments)
        if len(rows) < len(wanted):
            found = [self._topic_ids.get(topic) for topic, _ in wanted]
            await connection.execute(_BEGIN, *arguments, found)
            rows = await connection.fetch(_LOCK, *arguments)
        log_identity.require_same(((row["topic"], row["topic_id"]) for row in rows), self._topic_ids)
        return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    async def reached(self, partition_keys: Iterable[PartitionKey]) -> dict[PartitionKey, int]:
        """Return the lowest possible offset of each partition's next record; 0 where none was projected."""
        wanted = sorted(partition_keys)
        rows = await self._pool.fetch(_READ, self.name, self._epoch, *_columns(wanted))
        known = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        return {partition_key: known.get(partition_key, 0) for partition_key in wanted}


def halt_reason(projectors: Iterable[Projector]) -> str | None:
    """Return why one of them stands still, for a role's health."""
    return next((each.halted.message for each in projectors if each.halted is not None), None)


def _columns(partition_keys: Sequence[PartitionKey]) -> tuple[list[str], list[int]]:
    return [topic for topic, _ in partition_keys], [partition for _, partition in partition_keys]
