"""Publishes the log of record again, from ``event_log`` into the topics of a new epoch, after Kafka was lost.

Run it once while no role runs: ``python -m ledger republish`` with the raised KAFKA_TOPIC_EPOCH and the new,
empty topics. It may be killed and run again at any line.

1. The events are published in order, an account in its partition. The group's offset counts them, in the
   transaction that publishes them, so a second run goes on where the first one ended.
2. One transaction in Postgres then starts the new epoch. Each projector's position becomes that of the same
   event in the new log, so nothing is projected or sent twice and nothing is left out. Outbox rows whose
   event is in the log are dropped: they were published before. Jobs whose command was only in Kafka are
   ended, once. Partners are made in Kafka again; their passwords were only there, so they need new ones.

``event_log`` keeps the positions of the epochs in which the events came: old cursors stay valid.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterator, Collection
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
import structlog
from aiokafka import TopicPartition

from bus.bridges import outbox
from bus.contract import envelope, topics
from bus.contract.envelope import OutRecord
from bus.contract.topics import Topic
from bus.kafka import broker, topic_ids
from bus.kafka.transactions import TransactionalProducer
from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import KafkaSettings
from ledger import rebuild
from ledger.db import admin_acts, leader_turns
from ledger.db.admin_acts import Act
from ledger.lost_jobs import Kind, Why, end

log = structlog.stdlib.get_logger(__name__)

GROUP: Final = "sharpstream.republish"
LOST: Final = Why("log_lost", "The queue was lost before it was done")
_BATCH: Final = 500
_SAY_EVERY: Final = 10_000
_LATER: Final = timedelta(seconds=30)
"""What partners wait for, so that a gateway is there to make them again."""

_EVENTS: Final = """
SELECT event_id, type, subject, account_id, source, time, correlation_id, traceparent, body::text AS body
FROM event_log WHERE epoch < $1 ORDER BY partition, epoch, "offset" OFFSET $2"""
_BEFORE: Final = """
SELECT o.projector, o.partition, (
    SELECT count(*) FROM event_log e
    WHERE e.partition = o.partition AND (e.epoch, e."offset") < (o.epoch, o.next_offset)) AS events
FROM projector_offsets o
WHERE o.topic = $2 AND o.epoch = (SELECT max(epoch) FROM projector_offsets WHERE topic = $2 AND epoch < $1)"""
_BEGIN: Final = """
INSERT INTO projector_offsets (projector, epoch, topic, partition, next_offset, topic_id)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING"""
_LOGGED: Final = "SELECT true FROM event_log WHERE subject = $1 AND event_id = $2"
_PARTNERS: Final = """
UPDATE partners SET settled = false, due_at = now() + $1
WHERE state IN ('creating', 'active', 'suspended') RETURNING slug"""


@dataclass(frozen=True, kw_only=True)
class Republished:
    """What was done; ``partners`` need new passwords."""

    events: int
    dropped: int
    ended: int
    partners: list[str]

    def to_json(self) -> str:
        """Return it as one JSON object."""
        return msgspec.json.encode(asdict(self)).decode()


async def republish(
    connection: asyncpg.Connection,
    kafka: KafkaSettings,
    kinds: Collection[Kind],
    *,
    topic: Topic = topics.EVENTS,
) -> Republished | None:
    """Start ``kafka.topic_epoch`` from the log of the epochs before; None where that was done already.

    ``connection`` must be outside a transaction. Raises `ConfigurationError` where the new topics are not
    there, or hold what did not come from here.
    """
    name = f"republished:{kafka.topic_epoch}"
    if await leader_turns.is_done(connection, name):
        return None
    topic_id = await _require_topic(kafka, topic)
    events = await _publish(connection, kafka, topic)
    offsets = await _offsets(kafka, topic)
    if (found := sum(map(len, offsets.values()))) != events:
        raise ConfigurationError(
            f"{topic.name} holds {found} events, and {events} were published to it: something else"
            " writes there. Stop every role, make the topics anew, and begin again."
        )
    async with connection.transaction():
        await _begin_epoch(connection, kafka.topic_epoch, topic, offsets, topic_id)
        waiting, dropped = await _drop_published(connection, topic)
        ended = sum([await _end_lost(connection, kind, waiting) for kind in kinds])
        partners = [row["slug"] for row in await connection.fetch(_PARTNERS, _LATER)]
        await leader_turns.note_done(connection, name)
        details = {"topic_epoch": kafka.topic_epoch, "events": events, "dropped": dropped, "ended": ended}
        await admin_acts.record(connection, Act(action="republish", details=details))
    return Republished(events=events, dropped=dropped, ended=ended, partners=sorted(partners))


async def _require_topic(kafka: KafkaSettings, topic: Topic) -> UUID:
    consumer = broker.consumer(kafka, client_id=GROUP)
    await consumer.start()
    try:
        found = await topic_ids.read(consumer, [topic.name])
        partitions = await topic_ids.partitions(consumer, topic.name)
    finally:
        await consumer.stop()
    if partitions != topic.partitions:
        raise ConfigurationError(
            f"{topic.name} has {partitions} partitions and needs {topic.partitions}: make the topics by"
            " `python -m bus.kafka.admin` first."
        )
    return found[topic.name]


async def _publish(connection: asyncpg.Connection, kafka: KafkaSettings, topic: Topic) -> int:
    """Publish the events that are not published yet; return how many there are in all."""
    producer = TransactionalProducer(kafka, transactional_id=GROUP, group=GROUP)
    counter = TopicPartition(topic.name, 0)
    try:
        await producer.open()  # first: no predecessor publishes any more
        count = await _published(kafka, counter)
        async for batch in _batches(connection, topic, kafka.topic_epoch, count):
            count += len(batch)
            await producer.transact(batch, {counter: count})
            if count // _SAY_EVERY > (count - len(batch)) // _SAY_EVERY:
                log.info("events_republished", count=count)
    finally:
        await producer.close()
    return count


async def _published(kafka: KafkaSettings, counter: TopicPartition) -> int:
    consumer = broker.consumer(kafka, client_id=GROUP, group_id=GROUP)
    consumer.assign([counter])
    await consumer.start()
    try:
        return await consumer.committed(counter) or 0
    finally:
        await consumer.stop()


async def _batches(
    connection: asyncpg.Connection, topic: Topic, epoch: int, skip: int
) -> AsyncIterator[list[OutRecord]]:
    batch: list[OutRecord] = []
    async with connection.transaction(readonly=True):
        async for row in connection.cursor(_EVENTS, epoch, skip, prefetch=_BATCH):
            batch.append(_record(topic, row))
            if len(batch) == _BATCH:
                yield batch
                batch = []
    if batch:
        yield batch


def _record(topic: Topic, row: asyncpg.Record) -> OutRecord:
    """Return the event as it was published: the same key, body and attributes."""
    names = ("event_id", "type", "source", "time", "subject", "traceparent", "correlation_id")
    headers = envelope.attributes(**{name: row[name] for name in names})
    key = str(row["account_id"]).encode()
    return OutRecord(topic=topic.name, key=key, value=row["body"].encode(), headers=headers)


async def _offsets(kafka: KafkaSettings, topic: Topic) -> dict[int, array[int]]:
    """Return the offset of each event of the new log, by partition; transactions' markers take some too."""
    parts = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
    # Uncommitted: where the last transaction's marker is not yet written, the committed end lies before it.
    consumer = broker.consumer(kafka, client_id=GROUP, isolation_level="read_uncommitted")
    consumer.assign(parts)  # first: the start then asks where they are
    await consumer.start()
    try:
        ends = await consumer.end_offsets(parts)
    finally:
        await consumer.stop()
    found: dict[int, array[int]] = {part.partition: array("q") for part in parts}
    async for batch in rebuild.records(kafka, ends):
        for record in batch:
            found[record.partition].append(record.offset)
    return found


async def _begin_epoch(
    connection: asyncpg.Connection, epoch: int, topic: Topic, offsets: dict[int, array[int]], topic_id: UUID
) -> None:
    for row in await connection.fetch(_BEFORE, epoch, topic.name):
        there, events = offsets[row["partition"]], row["events"]
        if events:
            next_offset = there[events] if events < len(there) else there[-1] + 1
            await connection.execute(
                _BEGIN, row["projector"], epoch, topic.name, row["partition"], next_offset, topic_id
            )


async def _drop_published(connection: asyncpg.Connection, topic: Topic) -> tuple[set[bytes], int]:
    """Drop outbox rows whose event is in the log; return the other rows' keys, and how many were dropped."""
    waiting: set[bytes] = set()
    dropped: list[int] = []
    for row in await connection.fetch("SELECT id, records FROM outbox ORDER BY id FOR UPDATE"):
        records = outbox.load(row["records"])
        if await _is_logged(connection, topic, records):
            dropped.append(row["id"])
        else:
            waiting |= {each.key for each in records}
    await connection.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", dropped)
    return waiting, len(dropped)


async def _is_logged(connection: asyncpg.Connection, topic: Topic, records: list[OutRecord]) -> bool:
    for each in records:
        if each.topic == topic.name:
            named = {name: value.decode() for name, value in each.headers}
            found = await connection.fetchval(_LOGGED, UUID(named["ce_subject"]), UUID(named["ce_id"]))
            return bool(found)
    return False


async def _end_lost(connection: asyncpg.Connection, kind: Kind, waiting: set[bytes]) -> int:
    """Put endings into the outbox for jobs in flight whose command does not wait there."""
    in_flight = f"SELECT id FROM ({kind.jobs}) j WHERE j.lost_at IS NULL"  # noqa: S608  (a constant of ours)
    rows: list[Any] = await connection.fetch(in_flight)
    lost = sorted(row["id"] for row in rows if str(row["id"]).encode() not in waiting)
    return len(await end(connection, kind, lost, LOST))
