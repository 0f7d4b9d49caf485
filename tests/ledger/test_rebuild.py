"""A rebuild from Kafka equals the live tables, and detects other changes to them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest

from bus.bridges.projector import Projector, RawRecord
from bus.contract import topics
from bus.contract.topics import Topic
from bus.kafka import admin, broker
from bus.runtime.settings import KafkaSettings
from ledger.batch_writer import Intake
from ledger.projection import PROJECTOR, EventProjection
from ledger.rebuild import compare
from tests.ledger.story import BUCKET, EPOCH, Story, add_user, everything

pytestmark = pytest.mark.stack


@pytest.fixture
async def topic(kafka_settings: KafkaSettings, unique: Callable[[str], str]) -> Topic:
    topic = replace(topics.EVENTS, name=unique("events"), partitions=2)
    await admin.create_topics(kafka_settings, [topic])
    return topic


async def publish(
    kafka: KafkaSettings, topic: Topic, records: list[RawRecord], *, abort: bool = False
) -> list[RawRecord]:
    """Publish in one transaction; return the records with the offsets that Kafka gave them."""
    producer = broker.producer(kafka, client_id="tests", transactional_id=f"tests-{uuid4()}")
    await producer.start()
    placed = []
    try:
        await producer.begin_transaction()
        for record in records:
            sent = await producer.send_and_wait(
                topic.name,
                record.value,
                key=record.key,
                headers=list(record.headers),
                partition=record.partition,
            )
            placed.append(replace(record, topic=topic.name, offset=sent.offset))
        await (producer.abort_transaction() if abort else producer.commit_transaction())
    finally:
        await producer.stop()
    return placed


@pytest.fixture
async def projected(
    pool: asyncpg.Pool, kafka_settings: KafkaSettings, topic: Topic
) -> AsyncIterator[asyncpg.Connection]:
    """Two accounts in two partitions, projected in several batches; in Kafka, also an aborted event."""
    write = EventProjection(epoch=EPOCH, bucket=BUCKET).write
    intake = Intake(topic, projector=PROJECTOR, epoch=EPOCH, write=write)
    ledger = Projector(pool, name=PROJECTOR, epoch=EPOCH, apply=intake.apply)
    async with pool.acquire() as connection:
        for partition in (0, 1):
            story = Story(await add_user(connection), partition=partition)
            done, failed, gone, export = uuid4(), uuid4(), uuid4(), uuid4()
            story.requested(done, api_key_id=uuid4())
            story.requested(gone)
            story.completed(gone)
            story.deleted(gone)
            story.requested(failed)
            story.completed(done)
            story.again(story.published[-1])
            story.raw(key=None, value=b"{", headers=[])
            first = await publish(kafka_settings, topic, story.published)
            never = Story(story.account, partition=partition)
            never.completed(failed)
            await publish(kafka_settings, topic, never.published, abort=True)
            story.published.clear()
            story.failed(failed)
            story.export_requested(export, done, api_key_id=uuid4())
            story.export_completed(export, done)
            story.requested(uuid4())
            second = await publish(kafka_settings, topic, story.published)
            for batch in (first, second):
                await ledger.project(batch)
            story.published.clear()
            story.key_created(uuid4())
            await publish(kafka_settings, topic, story.published)  # the ledger has not read this one yet
        yield connection


async def test_a_rebuild_equals_the_live_tables(
    projected: asyncpg.Connection, kafka_settings: KafkaSettings, topic: Topic
) -> None:
    await projected.execute(
        "UPDATE scene_generations SET status = 'processing', updated_at = now() WHERE status = 'pending'"
    )  # as progress does
    before = await everything(projected)
    result = await compare(projected, kafka_settings, bucket=BUCKET, topic=topic)
    assert result.differences == []
    assert (result.equal, result.events, result.parked) == (True, 20, 2)
    assert await everything(projected) == before
    await projected.execute("UPDATE usage_logs SET id = gen_random_uuid()")  # earlier releases made other ids
    assert (await compare(projected, kafka_settings, bucket=BUCKET, topic=topic)).equal
    await projected.execute("UPDATE scene_generations SET result_blob = NULL")  # as earlier releases left it
    assert (await compare(projected, kafka_settings, bucket=BUCKET, topic=topic)).equal
    await projected.execute("UPDATE scene_generations SET thumbnail_url = NULL")  # as they did, too
    assert (await compare(projected, kafka_settings, bucket=BUCKET, topic=topic)).equal
    assert not projected.is_in_transaction()


@pytest.mark.parametrize(
    ("table", "statement"),
    [
        ("event_log", "UPDATE event_log SET body = replace(body::text, '1281.25', '1281.250')::json"),
        ("event_log", "DELETE FROM event_log WHERE type = 'export.requested.v1'"),
        ("event_log", "UPDATE event_log SET time = time + interval '1 microsecond'"),
        ("scene_generations", "UPDATE scene_generations SET processing_time_seconds = 0.1"),
        ("scene_generations", "UPDATE scene_generations SET status = 'completed' WHERE status = 'failed'"),
        ("scene_generations", "UPDATE scene_generations SET metadata = metadata - 'model'"),
        ("scene_generations", "UPDATE scene_generations SET metadata = metadata - 'focal_source'"),
        ("scene_generations", "UPDATE scene_generations SET metadata = metadata - 'scale_uncertainty'"),
        ("scene_generations", "UPDATE scene_generations SET result_blob = result_blob - 'media_type'"),
        ("scene_generations", "UPDATE scene_generations SET thumbnail_url = photo_url"),
        ("scene_generations", "DELETE FROM scene_generations WHERE status = 'completed'"),
        ("scene_generations", "UPDATE scene_generations SET deleted_at = NULL"),
        ("scene_generations", "UPDATE scene_generations SET deleted_at = now() WHERE deleted_at IS NOT NULL"),
        ("usage_logs", "DELETE FROM usage_logs WHERE event_type = 'scene_export'"),
        ("usage_logs", "UPDATE usage_logs SET api_key_id = gen_random_uuid()"),
        (
            "usage_logs",
            "INSERT INTO usage_logs SELECT gen_random_uuid(), gen_random_uuid(), user_id, api_key_id,"
            " event_type, details, created_at FROM usage_logs",
        ),
        (
            "usage_logs",
            "INSERT INTO usage_logs SELECT gen_random_uuid(), event_id, user_id, api_key_id,"
            " event_type, details, created_at FROM usage_logs",
        ),
    ],
)
async def test_tampering_is_detected(
    projected: asyncpg.Connection, kafka_settings: KafkaSettings, topic: Topic, table: str, statement: str
) -> None:
    await projected.execute(statement)
    result = await compare(projected, kafka_settings, bucket=BUCKET, topic=topic)
    assert not result.equal
    assert {item["table"] for item in result.differences} == {table}
    assert result.counts[table] == len(result.differences)
    assert all(item["live"] != item["rebuilt"] for item in result.differences)


async def test_events_missing_from_the_ledger_are_detected(
    projected: asyncpg.Connection, kafka_settings: KafkaSettings, topic: Topic
) -> None:
    await projected.execute("DELETE FROM event_log WHERE type = 'generation.completed.v1'")
    await projected.execute("DELETE FROM usage_logs WHERE event_type = 'scene_generate'")
    result = await compare(projected, kafka_settings, bucket=BUCKET, topic=topic)
    assert result.counts == {"event_log": 4, "scene_generations": 0, "usage_logs": 4}
    assert all(item["live"] is None for item in result.differences)
