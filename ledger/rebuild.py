"""Proves the projection: projects the whole log into empty tables and compares them row by row.

Everything runs in one repeatable-read transaction that is rolled back. It sees one snapshot of the live rows,
and it writes temporary tables that hide the live ones by their names. The transaction stays open for as long
as reading the log takes: it blocks no other transaction, but vacuum has to wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final

import asyncpg
import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from bus.bridges.projector import RawRecord, raw_record
from bus.contract import topics
from bus.contract.topics import Topic
from bus.kafka import broker
from bus.runtime.settings import KafkaSettings
from ledger import log_cut
from ledger.batch_writer import Intake
from ledger.projection import PROJECTOR, EventProjection

SHOWN: Final = 100
"""Differences shown for each table; the count covers all of them."""
_BATCH: Final = 5000
_AGAIN: Final = ("event_log", "scene_generations", "usage_logs", "parked_events")

_REACHED: Final = """
SELECT partition, next_offset FROM projector_offsets WHERE projector = $1 AND epoch = $2 AND topic = $3"""

# The key of usage is its event, because releases made the row's own id differently.
# Live rows are compared unless another topic epoch explains them. ``processing`` comes from another topic,
# and the gateway sets ``deleted_at`` before the log has the event. Earlier releases wrote no ``result_blob``,
# ``photo_url`` or ``thumbnail_url``. The rebuilt log is asked for events: the live one may be shortened.
_KEY_AND_ROW: Final = {
    "event_log": """
        SELECT concat_ws('/', epoch, partition, "offset") AS key,
               jsonb_build_object('event_id', event_id, 'type', type, 'subject', subject,
                   'account_id', account_id, 'source', source, 'time', time,
                   'correlation_id', correlation_id, 'traceparent', traceparent, 'body', body::text) AS row
        FROM {schema}.event_log r WHERE epoch = $1 AND {kept_events}
            AND NOT EXISTS (SELECT FROM {live}.event_log e
                            WHERE e.subject = r.subject AND e.event_id = r.event_id AND e.epoch <> $1)""",
    "scene_generations": """
        SELECT s.id::text AS key,
               jsonb_build_object('user_id', s.user_id, 'api_key_id', s.api_key_id, 'priority', s.priority,
                   'status', replace(s.status, 'processing', 'pending'),
                   'generated_3d_gaussian_url', s.generated_3d_gaussian_url,
                   'result_blob', CASE WHEN NOT EXISTS (
                       SELECT FROM {live}.scene_generations l
                       WHERE l.id = s.id AND l.result_blob IS NULL) THEN s.result_blob END,
                   'photo_url', CASE WHEN NOT EXISTS (
                       SELECT FROM {live}.scene_generations l
                       WHERE l.id = s.id AND l.photo_url IS NULL) THEN s.photo_url END,
                   'thumbnail_url', CASE WHEN NOT EXISTS (
                       SELECT FROM {live}.scene_generations l
                       WHERE l.id = s.id AND l.thumbnail_url IS NULL) THEN s.thumbnail_url END,
                   'processing_time_seconds', s.processing_time_seconds, 'error_message', s.error_message,
                   'result', s.metadata -> 'result', 'model', s.metadata -> 'model',
                   'focal_source', s.metadata -> 'focal_source',
                   'scale_uncertainty', s.metadata -> 'scale_uncertainty',
                   'timings', s.metadata -> 'timings', 'error', s.metadata -> 'error',
                   'deleted_at', CASE WHEN EXISTS (
                       SELECT FROM pg_temp.event_log e
                       WHERE e.subject = s.id AND e.type = 'generation.deleted.v1') THEN s.deleted_at END
               ) AS row
        FROM {schema}.scene_generations s
        WHERE (s.status NOT IN ('pending', 'processing')
               OR EXISTS (SELECT FROM pg_temp.event_log e WHERE e.subject = s.id AND e.epoch = $1))
          AND {kept_scenes}
          AND NOT EXISTS (SELECT FROM {live}.event_log e WHERE e.subject = s.id AND e.epoch <> $1)""",
    "usage_logs": """
        SELECT u.event_id::text AS key,
               to_jsonb(u) - 'id'
                   || jsonb_build_object('rows', count(*) OVER (PARTITION BY u.event_id)) AS row
        FROM {schema}.usage_logs u
        WHERE {kept_usage}
            AND NOT EXISTS (SELECT FROM {live}.event_log e
                            WHERE e.event_id = u.event_id AND e.epoch <> $1)""",
}
_COMPARE: Final = """
SELECT key, live.row AS live, rebuilt.row AS rebuilt, count(*) OVER () AS total
FROM ({live}) live FULL JOIN ({rebuilt}) rebuilt USING (key)
WHERE live.row::text IS DISTINCT FROM rebuilt.row::text ORDER BY key LIMIT {shown}"""


@dataclass(kw_only=True)
class Comparison:
    """The result: ``counts`` has the number of differences per table, ``differences`` the first ones.

    ``forgotten``: events of the log that the event log was shortened by.
    """

    events: int
    parked: int
    forgotten: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    differences: list[dict[str, Any]] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether no table differs."""
        return not self.differences

    def to_json(self) -> str:
        """Return the result as one JSON object."""
        return msgspec.json.encode({"equal": self.equal} | asdict(self)).decode()


async def compare(
    connection: asyncpg.Connection, kafka: KafkaSettings, *, bucket: str, topic: Topic = topics.EVENTS
) -> Comparison:
    """Project the log up to the live ledger's offsets into temporary tables; return all differences.

    ``connection`` must be outside a transaction and is left as it was. Differences are
    ``{table, key, live, rebuilt}``, where null stands for a missing row.
    """
    transaction = connection.transaction(isolation="repeatable_read")
    await transaction.start()
    try:
        live = await connection.fetchval("SELECT current_schema()")
        reached = await connection.fetch(_REACHED, PROJECTOR, kafka.topic_epoch, topic.name)
        for table in _AGAIN:  # LIKE copies no foreign keys, so users need no copy
            await connection.execute(f'CREATE TEMP TABLE {table} (LIKE "{live}".{table} INCLUDING ALL)')
        until = {TopicPartition(topic.name, row["partition"]): row["next_offset"] for row in reached}
        projection = EventProjection(epoch=kafka.topic_epoch, bucket=bucket)
        intake = Intake(topic, projector=PROJECTOR, epoch=kafka.topic_epoch, write=projection.write)
        cut = await log_cut.beginnings(kafka, until)
        async for batch in records(kafka, until):
            for record in batch:
                cut.see(record)
            await intake.apply(connection, batch)
        return await _differences(connection, kafka.topic_epoch, f'"{live}"', cut)
    finally:
        await transaction.rollback()


async def _differences(
    connection: asyncpg.Connection, epoch: int, live: str, cut: log_cut.LogCut
) -> Comparison:
    for table in _AGAIN:
        await connection.execute(f"ANALYZE pg_temp.{table}")  # autovacuum does not, and the joins are large
    kept = await cut.prepare(connection, epoch, live)
    found = Comparison(
        events=await connection.fetchval("SELECT count(*) FROM pg_temp.event_log"),
        parked=await connection.fetchval("SELECT count(*) FROM pg_temp.parked_events"),
        forgotten=await log_cut.forgotten(connection),
    )
    for table, select in _KEY_AND_ROW.items():
        sides = {
            "live": select.format(schema=live, live=live, **kept),
            "rebuilt": select.format(schema="pg_temp", live=live, **kept),
        }
        rows = await connection.fetch(_COMPARE.format(shown=SHOWN, **sides), epoch)
        found.counts[table] = rows[0]["total"] if rows else 0
        for row in rows:
            sides = {side: row[side] and msgspec.json.decode(row[side]) for side in ("live", "rebuilt")}
            found.differences.append({"table": table, "key": row["key"], **sides})
    return found


async def records(
    kafka: KafkaSettings, until: Mapping[TopicPartition, int]
) -> AsyncIterator[list[RawRecord]]:
    """Yield the committed records below ``until``, in order within a partition."""
    wanted = {part: end for part, end in until.items() if end > 0}
    if not wanted:
        return
    consumer = broker.consumer(kafka, client_id="sharpstream-rebuild", group_id=None)
    await consumer.start()
    try:
        consumer.assign(list(wanted))
        await consumer.seek_to_beginning(*wanted)
        while open_ := [part for part, end in wanted.items() if await consumer.position(part) < end]:
            consumer.pause(*(wanted.keys() - set(open_)))
            yield await _batch(consumer, wanted)
    finally:
        await consumer.stop()


async def _batch(consumer: AIOKafkaConsumer, wanted: Mapping[TopicPartition, int]) -> list[RawRecord]:
    got = await consumer.getmany(timeout_ms=500, max_records=_BATCH)
    return [
        raw_record(record)
        for part, records in got.items()
        for record in records
        if record.offset < wanted[part]
    ]
