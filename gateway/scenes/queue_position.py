"""How long a pending scene has to wait: its place in the queue, and how fast the queue moves.

Two views of the queue, each an upper bound that errs in its own way, and the smaller one is told:

* Kafka's: records of the lane between the offset that the inference group has committed and the lane's end
  as it was when the scene came in. Counts the markers that end transactions, and work in hand.
* The rows': scenes of the lane that are pending and older. The ledger may lag behind the workers.

Interactive scenes go first, so a bulk one also waits for all of them. The pace is that of recent
completions while work was done: idle time between them does not count. Neither knows of priorities to come,
workers that come or go, or photos that will fail; it is an estimate, and never a promise.

Looks every two seconds, off the request path, and only while somebody asks.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bus.contract import topics
from bus.contract.messages import Priority
from bus.contract.topics import Topic
from bus.kafka import broker
from bus.runtime.settings import KafkaSettings

_log = structlog.stdlib.get_logger(__name__)

POLL_INTERVAL_S: Final = 2.0
LINGER_S: Final = 30.0
"""Looks go on for so long after the last question."""
FRESH_S: Final = 10.0
"""A look that is older says nothing any more: Kafka cannot be reached, or nobody asked for long."""
RELAY_S: Final = 1.0
"""By then an accepted scene's command is in Kafka; later only makes the bound looser."""
SNAPSHOTS: Final = 900
"""Kept: half an hour. A scene that is older is held against the oldest."""
MOST_ROWS: Final = 1_000
"""Rows are counted no further; beyond it Kafka's view is as good."""
_AGAIN_S: Final = 10.0

_AHEAD: Final = """
SELECT (SELECT count(*) FROM (SELECT FROM scene_generations WHERE status = 'pending'
            AND priority = $1 AND (created_at, id) < ($2, $3) LIMIT $4) own)
     + (SELECT count(*) FROM (SELECT FROM scene_generations WHERE status = 'pending'
            AND priority = 'interactive' AND $1 = 'bulk' LIMIT $4) first)"""
_COMPLETIONS: Final = """
SELECT updated_at, processing_time_seconds FROM scene_generations
WHERE status = 'completed' AND updated_at > now() - interval '10 minutes'
ORDER BY updated_at DESC LIMIT 500"""


class Throughput(NamedTuple):
    """``per_second``: scenes while any was worked on. ``typical_s``: seconds that one takes by itself."""

    per_second: float
    typical_s: float


class Snapshot(NamedTuple):
    """The lanes at one moment (seconds since 1970): where each partition ends."""

    at: float
    ends: Mapping[TopicPartition, int]


class Queue(NamedTuple):
    """``position`` 1 is next; ``estimated_seconds`` until completion, None where nothing is known."""

    position: int
    estimated_seconds: float | None


def throughput_of(completions: Sequence[tuple[datetime, float]]) -> Throughput | None:
    """Return the pace of (ended at, seconds worked on): their number by the time that they cover."""
    spans = sorted((ended.timestamp() - seconds, ended.timestamp()) for ended, seconds in completions)
    busy, reached = 0.0, -math.inf
    for begin, end in spans:
        busy += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    if busy <= 0:
        return None
    took = sorted(seconds for _, seconds in completions)
    return Throughput(len(spans) / busy, took[len(took) // 2])


class Backlog:
    """Estimates queue positions; `run` polls Kafka and Postgres. ``group`` consumes the commands."""

    def __init__(
        self,
        kafka: KafkaSettings,
        pool: asyncpg.Pool,
        *,
        group: str,
        interactive: Topic = topics.COMMANDS_INTERACTIVE,
        bulk: Topic = topics.COMMANDS_BULK,
    ) -> None:
        self._kafka, self._pool, self._group = kafka, pool, group
        self._partitions_by_priority = {
            Priority.INTERACTIVE: _partitions(interactive),
            Priority.BULK: _partitions(bulk),
        }
        self._asked, self._last_asked = asyncio.Event(), -math.inf
        self._snapshots: deque[Snapshot] = deque(maxlen=SNAPSHOTS)
        self._done: Mapping[TopicPartition, int] = {}
        self._throughput: Throughput | None = None

    async def estimate(self, generation_id: UUID, priority: Priority, accepted_at: datetime) -> Queue:
        """Return where a pending scene stands: one count over an index, and what was seen last."""
        self._last_asked = time.monotonic()
        self._asked.set()
        rows = await self._pool.fetchval(_AHEAD, priority.value, accepted_at, generation_id, MOST_ROWS)
        records = self.records_ahead(priority, accepted_at.timestamp())
        ahead = rows if records is None or rows < MOST_ROWS else records
        if records is not None:
            ahead = min(ahead, records)
        seconds = self._throughput and max(
            self._throughput.typical_s, (ahead + 1) / self._throughput.per_second
        )
        return Queue(ahead + 1, None if seconds is None else round(seconds, 1))

    def records_ahead(self, priority: Priority, accepted_at: float) -> int | None:
        """Return how many records lay before a command that came at that time; None where that is unknown."""
        if not self._snapshots or time.time() - self._snapshots[-1].at > FRESH_S:
            return None
        last = self._snapshots[-1]
        then = next((snapshot for snapshot in self._snapshots if snapshot.at >= accepted_at + RELAY_S), last)
        ahead = self._between(self._partitions_by_priority[priority], then.ends)
        if priority is Priority.BULK:
            ahead += self._between(self._partitions_by_priority[Priority.INTERACTIVE], last.ends)
        return max(0, ahead - 1)  # its own is among them

    def _between(self, partitions: Sequence[TopicPartition], ends: Mapping[TopicPartition, int]) -> int:
        return sum(max(0, ends[part] - self._done.get(part, 0)) for part in partitions)

    async def run(self) -> None:
        """Look while somebody asks, until cancelled."""
        while True:
            await self._asked.wait()
            try:
                await self._poll()
            except Exception as error:  # noqa: BLE001  (whatever it is, scenes are shown without it)
                _log.warning("backlog_unknown", error=repr(error))
                await asyncio.sleep(_AGAIN_S)

    async def _poll(self) -> None:
        """Connect and look, until nobody has asked for a while."""
        admin = AIOKafkaAdminClient(**self._kafka.client_options(), request_timeout_ms=10_000)
        ends = broker.consumer(self._kafka, client_id="sharpstream-backlog", group_id=None)
        try:
            await self._read_pending_counts()  # which needs no Kafka
            await admin.start()
            await ends.start()
            while time.monotonic() - self._last_asked < LINGER_S:
                await self._read_pending_counts()
                await self._read_offsets(admin, ends)
                await asyncio.sleep(POLL_INTERVAL_S)
            self._asked.clear()
        finally:
            await ends.stop()
            await admin.close()

    async def _read_offsets(self, admin: AIOKafkaAdminClient, ends: AIOKafkaConsumer) -> None:
        parts = [part for partitions in self._partitions_by_priority.values() for part in partitions]
        committed = await admin.list_consumer_group_offsets(self._group, partitions=parts)
        # Without a committed offset everything is still to be done.
        self._done = {part: max(0, found.offset) for part, found in committed.items()}
        self._snapshots.append(Snapshot(time.time(), await ends.end_offsets(parts)))

    async def _read_pending_counts(self) -> None:
        rows = await self._pool.fetch(_COMPLETIONS)
        self._throughput = throughput_of([(row[0], row[1]) for row in rows])


def _partitions(topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]
