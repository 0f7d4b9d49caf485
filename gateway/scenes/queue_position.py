"""Estimates the waiting time of a pending scene from its queue position and the throughput.

There are two counts of the jobs ahead, both upper bounds; the smaller one is reported:

* Kafka's: records of the priority's topic between the offset that the inference group has committed and the
  end offset when the scene was accepted. Includes transaction markers and records in flight. Not for a scene
  whose command is held (`gateway.scenes.effective_priority`).
* Postgres': pending, older scenes of the priority. The ledger may lag behind the workers.

Interactive scenes go first, so a bulk one also waits for all of them. The throughput is that of recent
completions over busy time: idle time between them does not count. Later interactive scenes, workers that
join or leave and photos that will fail are unknown: the result is an estimate, not a promise.

Polls every two seconds, off the request path, and only while estimates are requested.
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
"""Polling continues for this long after the last request."""
FRESH_S: Final = 10.0
"""An older snapshot is not used: Kafka cannot be reached, or polling has just resumed."""
RELAY_S: Final = 1.0
"""By then an accepted scene's command is in Kafka; a later snapshot only makes the bound looser."""
SNAPSHOTS: Final = 900
"""Kept: half an hour. An older scene is compared with the oldest snapshot."""
MOST_ROWS: Final = 1_000
"""Rows are counted up to here; beyond it Kafka's count is as good."""
_AGAIN_S: Final = 10.0

_AHEAD: Final = """
SELECT (SELECT count(*) FROM (SELECT FROM scene_generations WHERE status = 'pending'
            AND priority = $1 AND (created_at, id) < ($2, $3) LIMIT $4) own)
     + (SELECT count(*) FROM (SELECT FROM scene_generations WHERE status = 'pending'
            AND priority = 'interactive' AND $1 = 'bulk' LIMIT $4) first)"""
_HELD: Final = """
SELECT count(*) FILTER (WHERE (created_at, id) < ($1, $2))
    >= count(*) - (SELECT count(*) FROM outbox, scene_generations own
                   WHERE own.id = $2 AND held_for = own.user_id)
FROM scene_generations WHERE user_id = (SELECT user_id FROM scene_generations WHERE id = $2)
    AND status IN ('pending', 'processing') AND priority = 'bulk'"""
"""Whether as many as are queued are older: the account's commands are released in their order."""
_COMPLETIONS: Final = """
SELECT updated_at, processing_time_seconds FROM scene_generations
WHERE status = 'completed' AND updated_at > now() - interval '10 minutes'
ORDER BY updated_at DESC LIMIT 500"""


class Throughput(NamedTuple):
    """``per_second``: scenes completed per busy second. ``typical_s``: median seconds of one scene."""

    per_second: float
    typical_s: float


class Snapshot(NamedTuple):
    """The end offsets of the command partitions at one moment (seconds since 1970)."""

    at: float
    ends: Mapping[TopicPartition, int]


class Queue(NamedTuple):
    """``position`` 1 is next; ``estimated_seconds`` until completion, None where nothing is known."""

    position: int
    estimated_seconds: float | None


def throughput_of(completions: Sequence[tuple[datetime, float]]) -> Throughput | None:
    """Return the throughput of (ended at, seconds worked on): their number by the time that they cover."""
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
        """Return a pending scene's queue position: counts over indexes, and the last snapshot."""
        self._last_asked = time.monotonic()
        self._asked.set()
        rows = await self._pool.fetchval(_AHEAD, priority.value, accepted_at, generation_id, MOST_ROWS)
        held = priority is Priority.BULK and await self._pool.fetchval(_HELD, accepted_at, generation_id)
        records = None if held else self.records_ahead(priority, accepted_at.timestamp())
        ahead = rows if records is None or rows < MOST_ROWS else records
        if records is not None:
            ahead = min(ahead, records)
        seconds = self._throughput and max(
            self._throughput.typical_s, (ahead + 1) / self._throughput.per_second
        )
        return Queue(ahead + 1, None if seconds is None else round(seconds, 1))

    def records_ahead(self, priority: Priority, accepted_at: float) -> int | None:
        """Return how many records precede a command accepted at that time; None where that is unknown."""
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
        """Poll while estimates are requested, until cancelled."""
        while True:
            await self._asked.wait()
            try:
                await self._poll()
            except Exception as error:  # noqa: BLE001  (scenes are shown without an estimate then)
                _log.warning("backlog_unknown", error=repr(error))
                await asyncio.sleep(_AGAIN_S)

    async def _poll(self) -> None:
        """Connect and poll until `LINGER_S` after the last request."""
        admin = AIOKafkaAdminClient(**self._kafka.client_options(), request_timeout_ms=10_000)
        ends = broker.consumer(self._kafka, client_id="sharpstream-backlog", group_id=None)
        try:
            await self._read_pending_counts()  # needs no Kafka
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
        # Without a committed offset every record is still to be processed.
        self._done = {part: max(0, found.offset) for part, found in committed.items()}
        self._snapshots.append(Snapshot(time.time(), await ends.end_offsets(parts)))

    async def _read_pending_counts(self) -> None:
        rows = await self._pool.fetch(_COMPLETIONS)
        self._throughput = throughput_of([(row[0], row[1]) for row in rows])


def _partitions(topic: Topic) -> list[TopicPartition]:
    return [TopicPartition(topic.name, number) for number in range(topic.partitions)]
