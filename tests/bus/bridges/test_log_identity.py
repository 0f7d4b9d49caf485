"""Another log under the same epoch is neither read nor written, be it shorter or longer than the one before.

| class | members |
|---|---|
| the new log | shorter than what was read; longer; empty |
| who notices | a projector at its assignment, before its first record; the relay before it publishes |
| the way on | the right log is there again; rows from before the ids were kept |
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from bus.bridges.projection import REPLACED, halt_reason
from bus.bridges.projector import Projector
from bus.bridges.relay import Relay
from bus.contract.topics import EVENTS
from bus.kafka import admin, broker, topic_ids
from bus.runtime.settings import KafkaSettings
from tests.bus.bridge_servers import committed, make_topic, numbered, produce, read_all, until
from tests.bus.bridges.test_projector import offsets, projecting, seen, until_seen, write
from tests.bus.bridges.test_relay import enqueue, running

pytestmark = pytest.mark.stack
READ = 20


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
        await pool.execute("CREATE TABLE seen (nth bigint GENERATED ALWAYS AS IDENTITY, number int)")
        yield pool


async def id_of(kafka: KafkaSettings, topic: str) -> UUID | None:
    consumer = broker.consumer(kafka, client_id="test-ids")
    await consumer.start()
    try:
        return (await topic_ids.read(consumer, [topic])).get(topic)
    finally:
        await consumer.stop()


async def make_anew(kafka: KafkaSettings, name: str, partitions: int = 1) -> None:
    """Delete the topic and make another one of its name."""
    old = await id_of(kafka, name)
    assert old is not None
    client = AIOKafkaAdminClient(**kafka.client_options())
    await client.start()
    try:
        await client.delete_topics([name])
    finally:
        await client.close()

    async def another() -> bool:
        await make_topic(kafka, name, partitions=partitions)
        return await id_of(kafka, name) not in {old, None}

    await until(another, what="a topic with another id")


def halted(projector: Projector) -> Callable[[], Awaitable[bool]]:
    async def is_halted() -> bool:
        return projector.halted is not None

    return is_halted


@pytest.mark.parametrize("length", [0, 3, 2 * READ])
async def test_another_log_is_not_projected(
    kafka_settings: KafkaSettings, pool: asyncpg.Pool, unique: Callable[[str], str], length: int
) -> None:
    topic, group = await make_topic(kafka_settings, unique("in")), unique("group")
    await produce(kafka_settings, [numbered(topic.name, "k", n) for n in range(READ)])
    async with projecting(kafka_settings, Projector(pool, name="p", epoch=1, apply=write), topic, group):
        await until_seen(pool, READ)
    await make_anew(kafka_settings, topic.name)
    await produce(kafka_settings, [numbered(topic.name, "k", 100 + n) for n in range(length)])

    projector = Projector(pool, name="p", epoch=1, apply=write)
    async with projecting(kafka_settings, projector, topic, group):
        await until(halted(projector), what="the projector's standstill")
        assert topic.name in (halt_reason([projector]) or "")
        assert REPLACED.labels("p")._value.get() == 1
    assert await seen(pool) == list(range(READ))
    assert await offsets(pool) == {(topic.name, 0): READ}
    assert not await committed(kafka_settings, group, topic.name)


async def test_the_right_log_is_projected_on(
    kafka_settings: KafkaSettings, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    topic, group = await make_topic(kafka_settings, unique("in")), unique("group")
    await produce(kafka_settings, [numbered(topic.name, "k", n) for n in range(5)])
    projector = Projector(pool, name="p", epoch=1, apply=write)
    async with projecting(kafka_settings, projector, topic, group):
        await until_seen(pool, 5)
    right = await pool.fetchval("SELECT topic_id FROM projector_offsets")
    assert right == await id_of(kafka_settings, topic.name)

    await pool.execute("UPDATE projector_offsets SET topic_id = $1", uuid4())
    await produce(kafka_settings, [numbered(topic.name, "k", 5)])
    async with projecting(kafka_settings, projector, topic, group):
        await until(halted(projector), what="the projector's standstill")
    assert await seen(pool) == list(range(5))

    await pool.execute("UPDATE projector_offsets SET topic_id = $1", right)
    async with projecting(kafka_settings, projector, topic, group):
        assert await until_seen(pool, 6) == list(range(6))
    assert projector.halted is None
    assert REPLACED.labels("p")._value.get() == 0


async def test_offsets_from_before_the_ids_were_kept_get_them(
    kafka_settings: KafkaSettings, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    topic, group = await make_topic(kafka_settings, unique("in")), unique("group")
    await produce(kafka_settings, [numbered(topic.name, "k", n) for n in range(3)])
    projector = Projector(pool, name="p", epoch=1, apply=write)
    async with projecting(kafka_settings, projector, topic, group):
        await until_seen(pool, 3)
    await pool.execute("UPDATE projector_offsets SET topic_id = NULL")

    async def remembered() -> bool:
        return await pool.fetchval("SELECT topic_id FROM projector_offsets") is not None

    async with projecting(kafka_settings, Projector(pool, name="p", epoch=1, apply=write), topic, group):
        await until(remembered, what="the topic's id")


async def test_the_relay_adds_nothing_to_another_log(
    kafka: KafkaSettings, fresh_database: str, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    await admin.create_topics(kafka, [EVENTS])
    topic = (await make_topic(kafka, unique("out"))).name
    relay = Relay(kafka, fresh_database, name=unique("relay"))
    await pool.execute(
        "INSERT INTO projector_offsets (projector, epoch, topic, partition, next_offset, topic_id)"
        " VALUES ('ledger', $1, $2, 0, 5, $3)",
        kafka.topic_epoch,
        EVENTS.name,
        uuid4(),
    )
    await enqueue(pool, topic, range(3))

    async def stands() -> bool:
        return relay.halted is not None

    async def published() -> bool:
        return bool(await pool.fetchval("SELECT count(*) = 0 FROM outbox"))

    async with running(relay):
        await until(stands, what="the relay's standstill")
        assert not relay.ready
        assert EVENTS.name in (relay.halted or "")
        assert await read_all(kafka, topic) == []
        await pool.execute("UPDATE projector_offsets SET topic_id = NULL")
        await until(published, what="an empty outbox")
        assert relay.halted is None
    assert len(await read_all(kafka, topic)) == 3
