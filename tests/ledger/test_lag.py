"""How far readers are behind, in records and in time, with a real Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from aiokafka import TopicPartition
from prometheus_client import REGISTRY

from bus.contract import envelope, ids, topics
from bus.contract.messages import GenerateScene
from bus.contract.topics import Topic
from bus.kafka import admin, broker
from bus.kafka.transactions import TransactionalProducer
from bus.runtime.settings import KafkaSettings
from ledger import metrics, stored_counts
from ledger.lag import Lag, LagMeter, Reader, readers
from ledger.settings import GroupSettings
from tests.ledger.story import PHOTO

pytestmark = pytest.mark.stack
MINUTE = timedelta(minutes=1)


class World:
    """A command topic and its retry topic, the group that reads them and a projector."""

    def __init__(self, kafka: KafkaSettings, pool: asyncpg.Pool, unique: Callable[[str], str]) -> None:
        self.kafka, self.pool, self.group = kafka, pool, unique("group")
        self.commands = replace(topics.COMMANDS_BULK, name=unique("commands"), partitions=2)
        self.retries = replace(topics.GENERATION_RETRIES[2], name=unique("retries"), partitions=1)
        self.meter = LagMeter(
            pool,
            kafka,
            (
                Reader(name="group", topics=(self.commands, self.retries), group=self.group),
                Reader(name="projector", topics=(self.commands,)),
            ),
        )

    async def send(self, topic: Topic, ago: timedelta, *, partition: int = 0) -> None:
        generation = ids.new_id()
        command = GenerateScene(
            generation_id=generation, account_id=generation, source=PHOTO, requested_at=datetime.now(UTC)
        )
        out = envelope.record(topic, command, key=generation, source="/tests")
        producer = broker.producer(self.kafka, client_id="tests")
        await producer.start()
        try:
            sent_at = int((datetime.now(UTC) - ago).timestamp() * 1000)
            await producer.send_and_wait(
                topic.name, out.value, key=out.key, partition=partition, timestamp_ms=sent_at
            )
        finally:
            await producer.stop()

    async def commit(self, topic: Topic, offset: int, *, partition: int = 0) -> None:
        """Commit as a processor does, in a transaction that writes nothing else."""

        producer = TransactionalProducer(self.kafka, transactional_id=self.group, group=self.group)
        await producer.open()
        try:
            await producer.transact([], {TopicPartition(topic.name, partition): offset})
        finally:
            await producer.close()

    async def lag(self, reader: str, topic: Topic) -> Lag:
        (found,) = [
            each for each in await self.meter.measure() if (each.reader, each.topic) == (reader, topic)
        ]
        return found


@pytest.fixture
async def world(pool: asyncpg.Pool, kafka_settings: KafkaSettings, unique: Callable[[str], str]) -> World:
    made = World(kafka_settings, pool, unique)
    await admin.create_topics(kafka_settings, [made.commands, made.retries])
    await made.commit(made.commands, 0)  # also waits for the coordinator of a Kafka that has just started
    return made


async def test_lag_is_that_of_the_first_record_not_taken(world: World) -> None:
    assert (await world.lag("group", world.commands)).records == 0
    await world.send(world.commands, 30 * MINUTE)
    await world.send(world.commands, 20 * MINUTE)
    await world.send(world.commands, 10 * MINUTE, partition=1)
    found = await world.lag("group", world.commands)
    assert (found.records, 1800 <= found.seconds < 1900) == (3, True)
    await world.commit(world.commands, 1)
    found = await world.lag("group", world.commands)
    assert (found.records, 1200 <= found.seconds < 1300) == (2, True)
    again = await world.lag("group", world.commands)
    assert (again.records, again.seconds > found.seconds) == (2, True), "it grows while nothing is taken"
    await world.commit(world.commands, 2)
    await world.commit(world.commands, 1, partition=1)
    found = await world.lag("group", world.commands)
    assert (found.records, found.seconds) == (0, 0)


async def test_a_projectors_position_is_the_one_in_postgres(world: World) -> None:
    for _ in range(3):
        await world.send(world.commands, 5 * MINUTE)
    await world.pool.execute(
        "INSERT INTO projector_offsets (projector, epoch, topic, partition, next_offset) VALUES"
        " ('projector', 1, $1, 0, 2), ('other', 1, $1, 0, 3), ('projector', 2, $1, 0, 3)",
        world.commands.name,
    )
    found = await world.lag("projector", world.commands)
    assert (found.records, 300 <= found.seconds < 400) == (1, True)


async def test_markers_of_transactions_are_no_lag(world: World) -> None:
    producer = TransactionalProducer(world.kafka, transactional_id=f"{world.group}.w", group=world.group)
    generation = ids.new_id()
    command = GenerateScene(
        generation_id=generation, account_id=generation, source=PHOTO, requested_at=datetime.now(UTC)
    )
    nothing = {TopicPartition(world.retries.name, 0): 0}
    await producer.open()
    try:
        await producer.transact(
            [envelope.record(world.commands, command, key=generation, source="/t")], nothing
        )
    finally:
        await producer.close()
    assert (await world.lag("group", world.commands)).records == 2  # the record and its marker
    for partition in range(2):
        await world.commit(world.commands, 1, partition=partition)
    found = await world.lag("group", world.commands)
    assert (found.records, found.seconds) == (0, 0)


async def test_the_delay_of_a_retry_topic_is_no_lag(world: World) -> None:
    await world.send(world.retries, 3 * MINUTE)
    found = await world.lag("group", world.retries)
    assert (found.records, found.seconds) == (1, 0)
    await world.commit(world.retries, 1)
    await world.send(world.retries, 8 * MINUTE)
    found = await world.lag("group", world.retries)
    assert (found.records, 180 <= found.seconds < 280) == (1, True)


async def test_lag_and_retention_are_metrics(world: World) -> None:
    began = time.time()
    await world.send(world.commands, 7 * MINUTE)
    await world.meter.report()
    topic = world.commands.name
    labels = {"reader": "group", "topic": topic}
    try:
        assert REGISTRY.get_sample_value("sharpstream_lag_records", labels) == 1
        assert 420 <= (REGISTRY.get_sample_value("sharpstream_lag_seconds", labels) or 0) < 500
        retention = REGISTRY.get_sample_value("sharpstream_topic_retention_seconds", {"topic": topic})
        assert retention == 7 * 24 * 3600
        assert (REGISTRY.get_sample_value("sharpstream_lag_measured_timestamp_seconds") or 0) >= began
    finally:
        metrics.LAG_RECORDS.clear()
        metrics.LAG_SECONDS.clear()
        metrics.RETENTION.clear()


async def test_every_topic_that_has_a_reader_in_its_declaration_is_measured() -> None:
    measured = {topic.name for reader in readers(GroupSettings()) for topic in reader.topics}
    unmeasured = {topic.name for topic in topics.ALL if topic.name not in measured}
    # Read whole by every worker, and without records.
    assert unmeasured == {topics.CANCELLATIONS.name, topics.RELAY_CURSOR.name}


async def test_open_dead_letters_and_parked_records_are_counted(pool: asyncpg.Pool) -> None:
    await pool.execute(
        """
        INSERT INTO dead_letters (id, epoch, topic, partition, "offset", code, reason, attempts, headers,
            dead_at, state, settled_at)
        SELECT gen_random_uuid(), 1, 'sharp.export.commands.dead.v1', 0, n, 'x', 'x', 4, '[]', now(),
            CASE WHEN n < 3 THEN 'open' ELSE 'discarded' END, CASE WHEN n < 3 THEN NULL ELSE now() END
        FROM generate_series(1, 5) AS n"""
    )
    await pool.execute(
        """
        INSERT INTO parked_events (projector, epoch, topic, partition, "offset", headers, reason)
        VALUES ('ledger', 1, 'sharp.events.v1', 0, 1, '[]', 'x')"""
    )
    await stored_counts.report(pool)

    def shown(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(f"sharpstream_{name}", labels)

    assert shown("dead_letters_open", topic="sharp.export.commands.dead.v1") == 2
    assert shown("dead_letters_open", topic="sharp.generation.commands.dead.v1") == 0
    assert shown("parked_events", projector="ledger") == 1
    assert (shown("database_bytes") or 0) > 1_000_000
    await pool.execute("UPDATE dead_letters SET state = 'discarded', settled_at = now()")
    await stored_counts.report(pool)
    assert shown("dead_letters_open", topic="sharp.export.commands.dead.v1") == 0
