"""The relay on real servers: one active relay, order, atomicity, recovery."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg
import pytest

from bus.bridges import outbox
from bus.bridges.relay import CURSOR, PUBLISHED, Relay
from bus.bridges.relay_lease import Lease
from bus.contract.topics import RELAY_CURSOR
from bus.kafka import admin
from bus.kafka.transactions import TransactionalProducer
from bus.runtime.errors import FencedError
from bus.runtime.settings import KafkaSettings
from tests.bus.bridge_servers import (
    assert_once_each,
    committed,
    make_topic,
    numbered,
    read_all,
    until,
    values,
)
from tests.bus.conftest import OwnKafka

pytestmark = pytest.mark.stack

Condition = Callable[[], Awaitable[bool]]


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
        yield pool


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[asyncio.Task[None]]:
    """Run the relay as a task, and stop it at the end as SIGTERM does."""
    task = asyncio.ensure_future(relay.run())
    try:
        yield task
        if not task.done():
            await relay.stop()
            async with asyncio.timeout(30):
                await task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def enqueue(pool: asyncpg.Pool, topic: str, numbers: range) -> None:
    for number in numbers:
        async with pool.acquire() as connection, connection.transaction():
            await outbox.enqueue(connection, [numbered(topic, "k", number)])


def emptied(pool: asyncpg.Pool) -> Condition:
    async def empty() -> bool:
        return bool(await pool.fetchval("SELECT count(*) = 0 FROM outbox"))

    return empty


async def test_rows_are_published_in_order_and_deleted(
    kafka: KafkaSettings, fresh_database: str, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    topic = (await make_topic(kafka, unique("out"))).name
    relay = Relay(kafka, fresh_database, name=unique("relay"), max_rows=7)
    before = PUBLISHED._value.get()
    await enqueue(pool, topic, range(20))  # written before the relay started
    async with running(relay):
        await until(emptied(pool), what="an empty outbox")
        assert (relay.ready, relay.active) == (True, True)
        await enqueue(pool, topic, range(20, 30))  # and while it waits
        await until(emptied(pool), what="an empty outbox")
    assert (relay.ready, relay.active) == (False, False)
    assert values(await read_all(kafka, topic)) == list(range(30))
    assert PUBLISHED._value.get() - before == 30
    assert await committed(kafka, relay.group, RELAY_CURSOR.name) == 30
    assert await pool.fetchval("SELECT cursor FROM relay_lease") == 30


async def test_rows_numbered_by_a_crashed_relay_are_published_first(
    kafka: KafkaSettings, fresh_database: str, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    topic = (await make_topic(kafka, unique("out"))).name
    name = unique("relay")
    await enqueue(pool, topic, range(10))
    async with Lease(fresh_database, name=name, holder="dead", lease_s=60) as lease:
        await lease.acquire()
        await lease.advance(0, 6)  # numbered, then it crashed
    async with running(Relay(kafka, fresh_database, name=name)):
        await until(emptied(pool), what="an empty outbox")
    assert values(await read_all(kafka, topic)) == list(range(10))


async def test_rows_published_before_a_crash_are_not_published_again(
    kafka: KafkaSettings, fresh_database: str, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    topic = (await make_topic(kafka, unique("out"))).name
    relay = Relay(kafka, fresh_database, name=unique("relay"))
    await enqueue(pool, topic, range(10))
    async with Lease(fresh_database, name=relay._name, holder="dead", lease_s=60) as lease:
        await lease.acquire()
        await lease.advance(0, 10)
    # It published six and crashed before it updated Postgres.
    producer = TransactionalProducer(kafka, transactional_id=relay.group, group=relay.group)
    await producer.open()
    await producer.transact([numbered(topic, "k", number) for number in range(6)], {CURSOR: 6})
    await producer.close()
    async with running(relay):
        await until(emptied(pool), what="an empty outbox")
    assert values(await read_all(kafka, topic)) == list(range(10))


async def test_the_cursor_in_postgres_is_used_when_kafkas_has_expired(
    kafka: KafkaSettings, fresh_database: str, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    """The group's offset has expired. Rows up to the cursor in Postgres were published."""
    topic = (await make_topic(kafka, unique("out"))).name
    relay = Relay(kafka, fresh_database, name=unique("relay"))
    await enqueue(pool, topic, range(10))
    async with Lease(fresh_database, name=relay._name, holder="dead", lease_s=60) as lease:
        await lease.acquire()
        await lease.advance(0, 10)
    await pool.execute("UPDATE relay_lease SET cursor = 4")
    assert await committed(kafka, relay.group, RELAY_CURSOR.name) is None
    async with running(relay):
        await until(emptied(pool), what="an empty outbox")
    assert values(await read_all(kafka, topic)) == list(range(4, 10))
    assert await committed(kafka, relay.group, RELAY_CURSOR.name) == 10


async def test_a_restored_database_publishes_all_its_rows(
    kafka: KafkaSettings, fresh_database: str, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    """Kafka's cursor is ahead of every number that Postgres has assigned."""
    topic = (await make_topic(kafka, unique("out"))).name
    relay = Relay(kafka, fresh_database, name=unique("relay"))
    producer = TransactionalProducer(kafka, transactional_id=relay.group, group=relay.group)
    await producer.open()
    await producer.transact([], {CURSOR: 100})
    await producer.close()
    await enqueue(pool, topic, range(5))
    async with running(relay):
        await until(emptied(pool), what="an empty outbox")
    assert values(await read_all(kafka, topic)) == list(range(5))
    assert await pool.fetchval("SELECT cursor FROM relay_lease") == 105


async def test_a_relay_that_lost_its_lease_ends(
    kafka: KafkaSettings, fresh_database: str, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    relay = Relay(kafka, fresh_database, name=unique("relay"), lease_s=1)
    async with running(relay) as task:
        await until(_active(relay), what="the relay to be active")
        await pool.execute("UPDATE relay_lease SET epoch = epoch + 1, holder = 'heir'")
        async with asyncio.timeout(30):
            with pytest.raises(FencedError, match="must end"):
                await task


async def test_a_fenced_producer_is_reopened_while_the_lease_is_held(
    kafka: KafkaSettings, fresh_database: str, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    """Kafka fences also after a transaction timeout, which does not prove that there is a successor."""
    topic = (await make_topic(kafka, unique("out"))).name
    relay = Relay(kafka, fresh_database, name=unique("relay"))
    async with running(relay):
        await enqueue(pool, topic, range(5))
        await until(emptied(pool), what="an empty outbox")
        intruder = TransactionalProducer(kafka, transactional_id=relay.group, group=relay.group)
        await intruder.open()
        await intruder.close()
        await enqueue(pool, topic, range(5, 10))
        await until(emptied(pool), what="an empty outbox")
    assert values(await read_all(kafka, topic)) == list(range(10))


async def test_the_relay_reconnects_after_postgres_ends_its_session(
    kafka: KafkaSettings, fresh_database: str, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    topic = (await make_topic(kafka, unique("out"))).name
    relay = Relay(kafka, fresh_database, name=unique("relay"), lease_s=1)
    async with running(relay):
        for numbers in (range(5), range(5, 10), range(10, 15)):
            await enqueue(pool, topic, numbers)
            await until(emptied(pool), what="an empty outbox")
            await pool.execute(
                "SELECT pg_terminate_backend(l.pid) FROM pg_locks AS l JOIN pg_database AS d"
                " ON d.oid = l.database WHERE locktype = 'advisory' AND datname = current_database()"
            )
    assert values(await read_all(kafka, topic)) == list(range(15))


async def test_a_standby_stops_without_taking_the_lease(
    kafka: KafkaSettings, fresh_database: str, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    name = unique("relay")
    first = Relay(kafka, fresh_database, name=name)
    second = Relay(kafka, fresh_database, name=name)
    async with running(first):
        await until(_active(first), what="the first to be active")
        async with running(second):

            async def on_standby() -> bool:
                return second.ready

            await until(on_standby, what="the second to stand by")
            assert not second.active
        assert await pool.fetchval("SELECT epoch FROM relay_lease") == 1


@pytest.mark.kill
async def test_the_relay_resumes_after_kafka_was_down(
    own_kafka: OwnKafka, fresh_database: str, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    kafka = own_kafka.settings
    await admin.create_topics(kafka, [RELAY_CURSOR])
    topic = (await make_topic(kafka, "out")).name
    relay = Relay(kafka, fresh_database, name=unique("relay"), lease_s=1, max_rows=3)
    async with running(relay):
        await enqueue(pool, topic, range(10))
        await until(emptied(pool), what="an empty outbox")
        await own_kafka.stop()
        await enqueue(pool, topic, range(10, 30))  # accepted while Kafka is away
        deadline = await pool.fetchval("SELECT deadline FROM relay_lease")

        async def renewed() -> bool:
            return bool(await pool.fetchval("SELECT deadline > $1 FROM relay_lease", deadline))

        await until(renewed, what="the lease to be kept")
        await own_kafka.start()
        await until(emptied(pool), what="an empty outbox", within_s=120)
        assert await pool.fetchval("SELECT epoch FROM relay_lease") == 1
    records = await read_all(kafka, topic)
    assert_once_each(values(records), 30)
    assert values(records) == list(range(30))


def _active(relay: Relay) -> Condition:
    async def active() -> bool:
        return relay.active

    return active
