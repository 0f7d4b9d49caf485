"""What a rebuild cannot compare, because the log was shortened: the event log, the log of record, or both.

* Where only ``event_log`` was shortened, Kafka still has everything: the events below its floors are left
  out, and every other row is compared.
* Where Kafka's own log begins later, or the events of a former topic epoch were removed before it was
  published again, scenes and usage from before that can be rebuilt no more. They are left out if they are
  that old *and* the log has not their beginning; whatever is younger, or wholly in the log, is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import asyncpg
from aiokafka import TopicPartition

from bus.bridges.projector import RawRecord
from bus.kafka import broker
from bus.runtime.settings import KafkaSettings

_REQUESTED: Final = "('generation.requested.v1', 'export.requested.v1')"
_FLOORS: Final = """
INSERT INTO pg_temp.log_cut (partition, next_offset)
SELECT partition, max(next_offset) FROM (
    SELECT partition, next_offset FROM {live}.event_log_floors WHERE epoch = $1
    UNION ALL SELECT * FROM unnest($2::int[], $3::bigint[])) AS c (partition, next_offset)
GROUP BY partition"""
_FORMER: Final = """
SELECT max(coalesce(forgotten_until, updated_at)) FROM {live}.event_log_floors WHERE epoch < $1"""
_WHOLE_USAGE: Final = f"""
CREATE TEMP TABLE log_cut_usage AS SELECT e.event_id,
    e.type = 'api_key.created.v1' OR EXISTS (
        SELECT FROM pg_temp.event_log q WHERE q.subject = e.subject AND q.type IN {_REQUESTED}) AS whole
FROM pg_temp.event_log e
WHERE e.type IN ('generation.completed.v1', 'export.completed.v1', 'api_key.created.v1')"""  # noqa: S608
_FORGOTTEN: Final = """
SELECT count(*) FROM pg_temp.event_log e JOIN pg_temp.log_cut c USING (partition)
WHERE e."offset" < c.next_offset"""
_EVENTS: Final = """NOT EXISTS (SELECT FROM pg_temp.log_cut c
    WHERE c.partition = r.partition AND r."offset" < c.next_offset)"""
_UNTIL: Final = "(SELECT until FROM pg_temp.log_cut_until)"
_SCENES: Final = f"""(s.created_at > {_UNTIL} OR EXISTS (SELECT FROM pg_temp.event_log q
    WHERE q.subject = s.id AND q.type = 'generation.requested.v1'))"""
_USAGE: Final = f"""coalesce((SELECT whole FROM pg_temp.log_cut_usage w WHERE w.event_id = u.event_id),
    u.created_at > {_UNTIL})"""  # noqa: S608


@dataclass(kw_only=True)
class LogCut:
    """Where the log of record begins in each partition, and the first record seen there."""

    begins: dict[int, int]
    first: dict[int, datetime] = field(default_factory=dict)

    def see(self, record: RawRecord) -> None:
        """Take the records in order: the first of a partition is younger than all that was removed."""
        self.first.setdefault(record.partition, record.timestamp)

    async def prepare(self, connection: asyncpg.Connection, epoch: int, live: str) -> dict[str, str]:
        """Make the temporary tables; return the conditions of rows that are compared."""
        await connection.execute("CREATE TEMP TABLE log_cut (partition integer, next_offset bigint)")
        cut = {part: begin for part, begin in self.begins.items() if begin > 0}
        await connection.execute(_FLOORS.format(live=live), epoch, list(cut), list(cut.values()))
        former = await connection.fetchval(_FORMER.format(live=live), epoch)
        now = datetime.now(UTC)
        untils = [self.first.get(part, now) for part in cut] + [former] * (former is not None)
        if not untils:
            return {"kept_events": _EVENTS, "kept_scenes": "true", "kept_usage": "true"}
        await connection.execute("CREATE TEMP TABLE log_cut_until (until timestamptz)")
        await connection.execute("INSERT INTO pg_temp.log_cut_until VALUES ($1)", max(untils))
        await connection.execute(_WHOLE_USAGE)
        await connection.execute("CREATE INDEX ON pg_temp.log_cut_usage (event_id)")
        return {"kept_events": _EVENTS, "kept_scenes": _SCENES, "kept_usage": _USAGE}


async def forgotten(connection: asyncpg.Connection) -> int:
    """Return how many events of the log of record the event log need not have; after `LogCut.prepare`."""
    return int(await connection.fetchval(_FORGOTTEN))


async def beginnings(kafka: KafkaSettings, until: Mapping[TopicPartition, int]) -> LogCut:
    """Return where the partitions' records begin in Kafka."""
    if not until:
        return LogCut(begins={})
    consumer = broker.consumer(kafka, client_id="sharpstream-rebuild", group_id=None)
    consumer.assign(list(until))
    await consumer.start()
    try:
        found = await consumer.beginning_offsets(list(until))
    finally:
        await consumer.stop()
    return LogCut(begins={part.partition: begin for part, begin in found.items()})
