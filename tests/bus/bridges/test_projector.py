"""The projector on real servers: each record once, in order, and no offset beyond what Postgres holds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from structlog.contextvars import get_contextvars

from bus.bridges import projector as feeding
from bus.bridges.projector import Projector, RawRecord, _Feed, subscribe
from bus.contract.envelope import OutRecord
from bus.contract.topics import Topic
from bus.kafka import broker
from bus.runtime.errors import PermanentError, TransientError
from bus.runtime.settings import KafkaSettings
from tests.bus.bridge_servers import SESSION_S, committed, make_topic, numbered, produce, until

pytestmark = pytest.mark.stack


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
        await pool.execute("CREATE TABLE seen (nth bigint GENERATED ALWAYS AS IDENTITY, number int)")
        yield pool


async def write(connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
    await connection.executemany(
        "INSERT INTO seen (number) VALUES ($1)", [(int(record.value or b""),) for record in records]
    )


async def seen(pool: asyncpg.Pool) -> list[int]:
    return [row["number"] for row in await pool.fetch("SELECT number FROM seen ORDER BY nth")]


async def offsets(pool: asyncpg.Pool) -> dict[tuple[str, int], int]:
    rows = await pool.fetch("SELECT topic, partition, next_offset FROM projector_offsets")
    return {(row["topic"], row["partition"]): row["next_offset"] for row in rows}


def raw(offset: int, partition: int = 0) -> RawRecord:
    return RawRecord("t", partition, offset, b"k", str(offset).encode(), (), datetime.now(UTC))


async def test_records_already_projected_are_skipped(pool: asyncpg.Pool) -> None:
    projector = Projector(pool, name="p", epoch=1, apply=write)
    assert await projector.project([raw(0), raw(1), raw(0, partition=1)]) == 3
    assert await projector.project([raw(0), raw(1)]) == 0
    assert await projector.project([raw(1), raw(4), raw(4)]) == 1  # 2 and 3 were transaction markers
    assert await projector.project([]) == 0
    assert await seen(pool) == [0, 1, 0, 4]
    assert await offsets(pool) == {("t", 0): 5, ("t", 1): 1}


async def test_each_projector_and_epoch_has_its_own_offsets(pool: asyncpg.Pool) -> None:
    for name, epoch in (("p", 1), ("p", 2), ("q", 1)):
        assert await Projector(pool, name=name, epoch=epoch, apply=write).project([raw(0)]) == 1
    assert await seen(pool) == [0, 0, 0]


async def test_an_error_rolls_the_batch_back(pool: asyncpg.Pool) -> None:
    async def half(connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
        await write(connection, records[:1])
        raise PermanentError("the second is poison")

    with pytest.raises(PermanentError):
        await Projector(pool, name="p", epoch=1, apply=half).project([raw(0), raw(1)])
    assert await seen(pool) == []
    assert await Projector(pool, name="p", epoch=1, apply=write).project([raw(0), raw(1)]) == 2


async def test_concurrent_projectors_project_a_batch_once(pool: asyncpg.Pool) -> None:
    projectors = [Projector(pool, name="p", epoch=1, apply=write) for _ in range(4)]
    batch = [raw(offset, partition) for offset in range(5) for partition in range(3)]
    # In opposite orders, which would be a deadlock if each locked rows in the order of its batch.
    counts = await asyncio.gather(
        *(p.project(batch if n % 2 else _other_way_round(batch)) for n, p in enumerate(projectors))
    )
    assert sorted(counts) == [0, 0, 0, 15]
    assert len(await seen(pool)) == 15


def _other_way_round(batch: Sequence[RawRecord]) -> list[RawRecord]:
    return sorted(batch, key=lambda record: (-record.partition, record.offset))


@asynccontextmanager
async def projecting(
    kafka: KafkaSettings, projector: Projector, topic: Topic, group: str
) -> AsyncIterator[None]:
    feed = broker.create_broker(kafka, client_id="test-projector")
    subscribe(
        feed,
        projector,
        topics=[topic],
        group=group,
        instance_id=f"{group}-a",
        max_records=10,
        session_timeout_s=SESSION_S,
        heartbeat_s=0.3,
    )
    await feed.start()
    try:
        yield
    finally:
        await feed.stop()


async def until_seen(pool: asyncpg.Pool, count: int) -> list[int]:
    async def there() -> bool:
        return len(await seen(pool)) >= count

    await until(there, what=f"{count} rows")
    return await seen(pool)


async def test_offsets_are_committed_to_kafka_after_projection(
    kafka_settings: KafkaSettings, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    topic, group = await make_topic(kafka_settings, unique("in")), unique("group")
    await produce(kafka_settings, [numbered(topic.name, "k", n) for n in range(35)])
    # Neither a header that is not UTF-8 nor one without a value may stop the consumer.
    odd = OutRecord(
        topic=topic.name, key=b"", value=b"35", headers=[("raw", b"\xff"), ("content-type", b"x")]
    )
    await produce(kafka_settings, [odd])
    async with projecting(kafka_settings, Projector(pool, name="p", epoch=1, apply=write), topic, group):
        assert await until_seen(pool, 36) == list(range(36))

        async def acknowledged() -> bool:
            return await committed(kafka_settings, group, topic.name) == 36

        await until(acknowledged, what="the acknowledgement")


async def test_many_batches_are_one_commit_to_kafka(
    kafka_settings: KafkaSettings,
    pool: asyncpg.Pool,
    unique: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Kafka syncs each to disk. A stop commits what was projected since the last one."""
    topic, group = await make_topic(kafka_settings, unique("in")), unique("group")
    commits, commit = [], AIOKafkaConsumer.commit

    async def counted(consumer: AIOKafkaConsumer, offsets: dict[TopicPartition, int]) -> None:
        commits.append(offsets)
        await commit(consumer, offsets)

    monkeypatch.setattr(feeding, "HINT_S", 3600)
    monkeypatch.setattr(AIOKafkaConsumer, "commit", counted)
    bridge = Projector(pool, name="p", epoch=1, apply=write)
    async with projecting(kafka_settings, bridge, topic, group):
        for number in range(4):
            await produce(kafka_settings, [numbered(topic.name, "k", number)])
            await until_seen(pool, number + 1)
        assert commits == []
    assert [list(each.values()) for each in commits] == [[4]]
    assert await committed(kafka_settings, group, topic.name) == 4


async def test_a_batch_is_retried_while_postgres_is_unavailable(
    kafka_settings: KafkaSettings, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    topic, group = await make_topic(kafka_settings, unique("in")), unique("group")
    troubles = ["ended", "passing", "ended"]

    async def shaky(connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
        await write(connection, records)
        if troubles and records[0].offset >= 10:
            if troubles.pop() == "passing":
                raise TransientError("try again")
            await pool.execute("SELECT pg_terminate_backend($1)", connection.get_server_pid())
            await connection.execute("SELECT 1")

    await produce(kafka_settings, [numbered(topic.name, "k", n) for n in range(40)])
    async with projecting(kafka_settings, Projector(pool, name="p", epoch=1, apply=shaky), topic, group):
        assert await until_seen(pool, 40) == list(range(40))
    assert troubles == []


async def test_a_restored_database_is_projected_again_from_its_own_offsets(
    kafka_settings: KafkaSettings, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    """Kafka's group offset is far ahead of Postgres; the offset in Postgres decides."""
    topic, group = await make_topic(kafka_settings, unique("in"), partitions=2), unique("group")
    projector = Projector(pool, name="p", epoch=1, apply=write)
    await produce(kafka_settings, [numbered(topic.name, f"key-{n}", n) for n in range(30)])
    async with projecting(kafka_settings, projector, topic, group):
        await until_seen(pool, 30)

        async def acknowledged() -> bool:
            ends = [await committed(kafka_settings, group, topic.name, number) or 0 for number in (0, 1)]
            return sum(ends) == 30

        await until(acknowledged, what="the acknowledgement")
    # Partition 0 is restored to offset 3, partition 1 to no offset at all.
    kept = await pool.fetchval("SELECT next_offset FROM projector_offsets WHERE partition = 0")
    assert kept > 3
    await pool.execute("UPDATE projector_offsets SET next_offset = 3 WHERE partition = 0")
    await pool.execute("DELETE FROM projector_offsets WHERE partition = 1")
    await pool.execute("DELETE FROM seen")
    await produce(kafka_settings, [numbered(topic.name, f"key-{n}", n) for n in range(30, 40)])
    async with projecting(kafka_settings, projector, topic, group):
        again = await until_seen(pool, 37)
    assert len(again) == len(set(again)) == 37


async def test_a_poison_record_stops_the_projector_and_nothing_is_skipped(
    kafka_settings: KafkaSettings, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    topic, group = await make_topic(kafka_settings, unique("in")), unique("group")
    poison = True

    async def picky(connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
        if poison and any(record.value == b"25" for record in records):
            raise PermanentError("poison")
        await write(connection, records)

    await produce(kafka_settings, [numbered(topic.name, "k", n) for n in range(40)])
    projector = Projector(pool, name="p", epoch=1, apply=picky)
    async with projecting(kafka_settings, projector, topic, group):
        async with asyncio.timeout(60):
            with pytest.raises(PermanentError, match="poison"):
                await projector.watch()
        assert await seen(pool) == list(range(20))
    assert await committed(kafka_settings, group, topic.name) == 20
    poison = False
    async with projecting(kafka_settings, Projector(pool, name="p", epoch=1, apply=picky), topic, group):
        assert await until_seen(pool, 40) == list(range(40))


async def test_log_lines_of_a_batch_have_its_ids(
    kafka_settings: KafkaSettings, pool: asyncpg.Pool, unique: Callable[[str], str]
) -> None:
    """The broker's middleware wraps the subscriber, so its ids are bound inside the transaction."""
    topic, group = await make_topic(kafka_settings, unique("in")), unique("group")
    headers = [("ce_type", b"generation.completed.v1"), ("ce_subject", b"g-1"), ("correlation_id", b"c-1")]
    await produce(kafka_settings, [OutRecord(topic=topic.name, key=b"k", value=b"1", headers=headers)])
    bound: list[dict[str, object]] = []

    async def noted(connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
        bound.append(get_contextvars())
        await write(connection, records)

    async with projecting(kafka_settings, Projector(pool, name="p", epoch=1, apply=noted), topic, group):
        await until_seen(pool, 1)
    (only,) = bound
    assert only == {"projector": "p", "records": 1, "generation_id": "g-1", "correlation_id": "c-1"}


async def test_a_partition_revoked_in_mid_batch_is_compared_again(pool: asyncpg.Pool) -> None:
    """Another member may have projected on meanwhile; the position must be read at the next assignment."""
    feed: _Feed

    async def revoked(connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
        feed.on_partitions_revoked([])
        await write(connection, records)

    feed = _Feed(Projector(pool, name="p", epoch=1, apply=revoked))
    feed._identified = {"t"}
    feed._aligned = {("t", 0): 0}
    assert await feed._project(None, [raw(0), raw(1)])
    assert (feed._aligned, feed._hints) == ({}, {})
    feed._aligned = {("t", 1): 0}
    feed._projector._apply = write
    assert await feed._project(None, [raw(0, partition=1)])
    assert feed._aligned == {("t", 1): 1}
    assert feed._hints == {TopicPartition("t", 1): 1}


async def test_records_that_are_read_again_are_no_hint(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka is ahead of a restored database: a hint past it would leave the records between unread."""
    sought: list[tuple[TopicPartition, int]] = []
    consumer = SimpleNamespace(seek=lambda *to: sought.append(to), assignment=set)
    feed = _Feed(Projector(pool, name="p", epoch=1, apply=write))
    feed.subscriber, feed._identified = SimpleNamespace(consumer=consumer), {"t"}
    monkeypatch.setattr(feeding, "raw_record", lambda record: record)
    message: Any = SimpleNamespace(raw_message=[raw(5)], consumer=consumer, committed=None)
    await feed.handle(message)
    assert sought == [(TopicPartition("t", 0), 0)]
    assert feed._hints == {}
    await feed.stop()
