"""Backfills: a format of old scenes is ordered once, whatever is killed or repeated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import asyncpg
import msgspec
import pytest

from bus.contract import topics
from bus.kafka import admin, broker
from bus.runtime.settings import KafkaSettings
from export_consumer import backfill
from export_consumer.backfill import BackfillRequest, Progress
from ledger.db.scene_views import BACKFILL, VIEWER, View
from tests.ledger.story import NOON, Story
from tests.ledger.views import commands, put_scene


@pytest.fixture
async def log(kafka_settings: KafkaSettings, unique: Callable[[str], str]) -> topics.Topic:
    topic = replace(topics.EVENTS, name=unique("events"), partitions=2)
    await admin.create_topics(kafka_settings, [topic])
    return topic


async def publish(kafka: KafkaSettings, log: topics.Topic, story: Story) -> None:
    """Publish the story's events to the log, beside an undecodable record."""
    async with broker.producer(kafka, client_id="tests") as producer:
        await producer.send_and_wait(log.name, b"{", key=b"x", partition=1)
        for record in story.published:
            await producer.send_and_wait(
                log.name, record.value, key=record.key, headers=list(record.headers), partition=1,
                timestamp_ms=int(record.timestamp.timestamp() * 1000),
            )  # fmt: skip


class Killed(BaseException):
    """Simulates a kill: no code after it runs."""


async def test_a_backfill_orders_missing_exports_once(
    pool: asyncpg.Pool,
    story: Story,
    connection: asyncpg.Connection,
    kafka_settings: KafkaSettings,
    log: topics.Topic,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    early, *scenes = [await put_scene(connection, story.account) for _ in range(8)]
    gone = await put_scene(connection, story.account, deleted_at=NOON)
    story.completed(early)
    since = story.clock + timedelta(seconds=1)
    for each in (*scenes, gone):
        story.requested(each)
        story.completed(each)
    until = story.clock + timedelta(seconds=1)
    story.completed(await put_scene(connection, story.account))
    await publish(kafka_settings, log, story)
    request = BackfillRequest(
        view=View(BACKFILL, "sog", {}), since=since, until=until, ahead=1000, dry_run=False
    )

    async def run(
        request: BackfillRequest, on_progress: Callable[[Progress], object] = lambda _: None
    ) -> Progress:
        return await backfill.run(pool, kafka_settings, request, on_progress=on_progress, topic=log)

    dry = await run(replace(request, dry_run=True))
    assert (dry.scenes, dry.ordered, dry.already, dry.gone) == (8, 7, 0, 1)
    assert await commands(connection) == []

    monkeypatch.setattr(backfill, "BATCH", 3)

    def kill(progress: Progress) -> None:
        if progress.ordered == 3:
            raise Killed

    with pytest.raises(Killed):
        await run(request, kill)
    assert len(await commands(connection)) == 3
    again = await run(request)
    assert (again.scenes, again.ordered, again.already, again.gone) == (8, 4, 3, 1)
    acts = await pool.fetch(
        "SELECT (details ->> 'ordered')::int AS rows FROM admin_acts WHERE action = 'backfill'"
    )
    assert sum(act["rows"] for act in acts) == await pool.fetchval("SELECT count(*) FROM export_jobs")
    third = json.loads((await run(request)).to_json())
    assert third == {"scenes": 8, "ordered": 0, "already": 7, "gone": 1, "dry_run": False}
    found = await commands(connection)
    assert {c.message.generation_id for c in found} == set(scenes)
    assert {(c.message.format, c.message.purpose) for c in found} == {("sog", "backfill")}
    assert len({c.message.export_id for c in found}) == len(found) == 7

    # Another request waits until the converters have fewer exports ahead.
    other = replace(request, view=VIEWER, ahead=7)
    running = asyncio.create_task(run(other))
    await asyncio.sleep(0)
    assert await connection.fetchval("SELECT count(*) FROM export_jobs") == 7
    async with asyncio.timeout(30):
        while not running.done():
            await connection.execute("UPDATE export_jobs SET status = 'completed' WHERE status = 'pending'")
            await asyncio.sleep(0.05)
    assert (running.result().ordered, len(await commands(connection))) == (7, 14)
    assert msgspec.json.decode(running.result().to_json())["gone"] == 1
