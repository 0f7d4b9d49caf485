"""The queue position from rows and from Kafka's offsets, and the estimate from recent throughput."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from bus.contract import topics
from bus.contract.messages import Priority
from bus.kafka import admin, broker
from gateway.scenes.queue_position import Backlog, Snapshot, Throughput, throughput_of
from tests.gateway.conftest import NO_KAFKA, until
from tests.gateway.rows import put_scene

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SCENES = "/api/v1/scenes"
FAST, BULK = Priority.INTERACTIVE, Priority.BULK


def ended(at: float, seconds: float):
    return NOON + timedelta(seconds=at), seconds


def test_throughput():
    assert throughput_of([]) is None
    assert throughput_of([ended(0, 0.0)]) is None
    assert throughput_of([ended(10, 2.0)]) == Throughput(0.5, 2.0)
    batch = [ended(10, 2.0)] * 8  # one batch of eight: eight in two seconds
    assert throughput_of(batch) == Throughput(4.0, 2.0)
    assert throughput_of([*batch, *(ended(1000, 2.0) for _ in range(8))]) == Throughput(
        4.0, 2.0
    )  # idle in between
    assert throughput_of([ended(10, 2.0), ended(11, 2.0)]) == Throughput(2 / 3, 2.0)  # overlapping


@given(st.lists(st.tuples(st.floats(0, 600), st.floats(0.01, 60)), min_size=1, max_size=40))
def test_throughput_counts_overlapping_time_once(spans):
    throughput = throughput_of([ended(at, seconds) for at, seconds in spans])
    assert throughput is not None
    busy = len(spans) / throughput.per_second
    assert busy <= sum(seconds for _, seconds in spans) + 1e-3
    assert busy >= max(seconds for _, seconds in spans) - 1e-3


@pytest.fixture
async def pool(fresh_database):
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=2) as pool:
        yield pool


def priority_topics(unique, partitions=2):
    return {
        "interactive": replace(topics.COMMANDS_INTERACTIVE, name=unique("fast"), partitions=partitions),
        "bulk": replace(topics.COMMANDS_BULK, name=unique("bulk"), partitions=partitions),
    }


def test_records_ahead(unique):
    """Counted to the end offsets at the time of acceptance: later records are not ahead."""
    two = priority_topics(unique)
    backlog = Backlog(NO_KAFKA, None, group="g", **two)  # type: ignore[arg-type]
    assert backlog.records_ahead(FAST, 0) is None
    fast = [TopicPartition(two["interactive"].name, n) for n in (0, 1)]
    bulk = [TopicPartition(two["bulk"].name, n) for n in (0, 1)]
    now = time.time()
    early = dict.fromkeys([*fast, *bulk], 10)
    backlog._snapshots.append(Snapshot(now - 20, early))
    backlog._snapshots.append(Snapshot(now, dict.fromkeys([*fast, *bulk], 100)))
    backlog._done = {fast[0]: 4, fast[1]: 10, bulk[0]: 8}  # bulk[1] has no committed offset
    assert backlog.records_ahead(FAST, now - 30) == 6 - 1
    assert backlog.records_ahead(FAST, now - 10) == 96 + 90 - 1
    assert backlog.records_ahead(FAST, now) == 96 + 90 - 1  # no later snapshot: the latest counts
    assert backlog.records_ahead(BULK, now - 30) == 2 + 10 + 96 + 90 - 1
    backlog._done = early
    assert backlog.records_ahead(FAST, now - 30) == 0
    backlog._snapshots[-1] = Snapshot(now - 60, early)
    assert backlog.records_ahead(FAST, now - 30) is None  # too old to be used


async def test_positions_come_from_the_rows_while_kafka_is_unavailable(api):
    person = await api.person()
    account, other = await api.account_id(person), await api.account_id(await api.person())
    at = datetime.now(UTC) - timedelta(seconds=100)
    for number in range(3):
        moment = at + timedelta(seconds=number)
        await put_scene(api, other, "pending", created_at=moment)
        await put_scene(api, other, "processing", created_at=moment)
        await put_scene(api, other, "pending", created_at=moment, priority="bulk")
    mine = await put_scene(api, account, "pending", created_at=at + timedelta(seconds=1.5))
    later = await put_scene(api, account, "pending", created_at=at + timedelta(seconds=9), priority="bulk")
    positions = {}
    for scene in (mine, later):
        seen = (await api.client.get(f"{SCENES}/{scene}", headers=person)).json()["queue"]
        positions[scene] = seen["position"]
    assert positions == {mine: 3, later: 3 + 4 + 1}


async def test_the_estimate_is_the_position_by_the_throughput(api):
    person = await api.person()
    account = await api.account_id(person)
    now = datetime.now(UTC)
    for _ in range(8):  # eight at once in two seconds
        await put_scene(api, account, updated_at=now, processing_time_seconds=2.0, created_at=now)
    waiting = [
        await put_scene(api, account, "pending", created_at=now + timedelta(seconds=number))
        for number in range(20)
    ]

    async def queue(scene):
        return (await api.client.get(f"{SCENES}/{scene}", headers=person)).json()["queue"]

    async with asyncio.timeout(30):
        while (await queue(waiting[0]))["estimated_seconds"] is None:  # noqa: ASYNC110  (background polling)
            await asyncio.sleep(0.02)
    assert await queue(waiting[0]) == {"position": 1, "estimated_seconds": 2.0}
    assert await queue(waiting[19]) == {"position": 20, "estimated_seconds": 5.0}


@pytest.mark.stack
async def test_positions_come_from_kafka_offsets(pool, kafka_settings, unique, monkeypatch):
    monkeypatch.setattr("gateway.scenes.queue_position.POLL_INTERVAL_S", 0.05)
    two, group = priority_topics(unique), unique("inference")
    await admin.create_topics(kafka_settings, list(two.values()))
    producer = broker.producer(kafka_settings, client_id="tests", transactional_id=unique("tests"))
    consumer = broker.consumer(kafka_settings, client_id="tests", group_id=group)
    await producer.start()
    await consumer.start()
    backlog = Backlog(kafka_settings, pool, group=group, **two)
    polling = asyncio.create_task(backlog.run())
    try:
        async with producer.transaction():
            for number in range(10):
                await producer.send_and_wait(two["interactive"].name, b"x", partition=number % 2)
        await asyncio.sleep(0.2)
        assert not backlog._snapshots  # no estimate requested, so no polling
        estimate = await backlog.estimate(uuid4(), FAST, datetime.now(UTC))
        assert estimate.position == 1  # from the rows, of which there are none
        await until(lambda: bool(backlog._snapshots))
        # Ten records, and the transaction's control record in each of two partitions.
        assert backlog.records_ahead(FAST, time.time()) == 12 - 1
        parts = [TopicPartition(two["interactive"].name, number) for number in (0, 1)]
        consumer.assign(parts)
        await consumer.commit({parts[0]: 6, parts[1]: 2})
        await until(lambda: backlog.records_ahead(FAST, time.time()) == 4 - 1)
        assert backlog.records_ahead(BULK, time.time()) == 4 - 1
    finally:
        polling.cancel()
        await asyncio.wait([polling])
        await consumer.stop()
        await producer.stop()


@pytest.mark.stack
async def test_it_stops_polling_when_unused(pool, kafka_settings, unique, monkeypatch):
    monkeypatch.setattr("gateway.scenes.queue_position.POLL_INTERVAL_S", 0.02)
    monkeypatch.setattr("gateway.scenes.queue_position.LINGER_S", 0.2)
    two = priority_topics(unique)
    await admin.create_topics(kafka_settings, list(two.values()))
    backlog = Backlog(kafka_settings, pool, group=unique("g"), **two)
    polling = asyncio.create_task(backlog.run())
    try:
        async with asyncio.timeout(30):
            while not backlog._snapshots:  # a new Kafka has no coordinator of groups at first
                await backlog.estimate(uuid4(), FAST, datetime.now(UTC))
                await asyncio.sleep(0.05)
        await until(lambda: not backlog._asked.is_set())
        await backlog.estimate(uuid4(), FAST, datetime.now(UTC))
        first = len(backlog._snapshots)
        await until(lambda: len(backlog._snapshots) > first)
    finally:
        polling.cancel()
        await asyncio.wait([polling])
