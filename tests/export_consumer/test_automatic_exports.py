"""Automatic exports: ordered once with the event, and invisible in the account's events."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from bus.bridges import outbox
from bus.bridges.projector import Projector
from bus.contract import envelope, topics
from bus.kafka import admin, broker
from bus.runtime.settings import KafkaSettings
from export_consumer import backfill
from export_consumer.automatic_exports import BACKFILL, PREVIEW, VIEWER, VIEWS, View
from export_consumer.backfill import BackfillRequest, Progress
from export_consumer.export_projection import PROJECTOR, ExportJobs
from ledger.batch_writer import Intake
from tests.ledger.story import BUCKET, EPOCH, NOON, PHOTO, SPLAT, Story, add_user, everything, insert


def projector(pool: asyncpg.Pool, topic: topics.Topic = topics.EVENTS) -> Projector:
    write = ExportJobs(bucket=BUCKET, views=VIEWS).write
    intake = Intake(topic, projector=PROJECTOR, epoch=EPOCH, write=write)
    return Projector(pool, name=PROJECTOR, epoch=EPOCH, apply=intake.apply)


async def put_scene(connection: asyncpg.Connection, account: UUID, **changes: object) -> UUID:
    row = {"id": uuid4(), "user_id": account, "original_image_url": "s3://b/k", "status": "completed"}
    row |= {"priority": "bulk", "metadata": "{}", "created_at": NOON, "updated_at": NOON}
    await insert(connection, "scene_generations", row | changes)
    return row["id"]


async def commands(connection: asyncpg.Connection) -> list[envelope.Envelope]:
    rows = await connection.fetch("SELECT records FROM outbox ORDER BY id")
    records = [record for row in rows for record in outbox.load(row["records"])]
    assert {record.topic for record in records} <= {topics.BACKGROUND_COMMANDS.name}
    return [envelope.decode(topics.BACKGROUND_COMMANDS, r.value, r.headers) for r in records]


async def test_automatic_exports_are_ordered_once_with_the_event(
    pool: asyncpg.Pool, story: Story, connection: asyncpg.Connection
) -> None:
    scene = await put_scene(connection, story.account)
    gone = await put_scene(connection, story.account, deleted_at=NOON)
    erased = await add_user(connection, erased_at=NOON)
    theirs = await put_scene(connection, erased)
    others = await put_scene(connection, await add_user(connection))  # the event names another account
    records = [story.requested(scene), story.completed(scene, correlation_id="c-1")]
    records += [story.completed(each) for each in (gone, theirs, others, uuid4())]
    jobs = projector(pool)
    await jobs.project(records)
    found = await commands(connection)
    assert [(c.message.purpose, c.message.format, c.message.options) for c in found] == [
        ("preview", "png", {"size": 512}),
        ("viewer", "spz", {"max_gaussians": 1_250_000}),
    ]
    for command, view in zip(found, VIEWS, strict=True):
        message = command.message
        assert (message.generation_id, message.account_id, message.source) == (scene, story.account, SPLAT)
        assert (message.export_id, command.correlation_id) == (view.id_for(scene), "c-1")
    rows = await connection.fetch("SELECT * FROM export_jobs")
    assert {(r["id"], r["purpose"], r["export_format"], r["status"]) for r in rows} == {
        (view.id_for(scene), view.purpose, view.format, "pending") for view in VIEWS
    }
    assert {(r["id"], r["expires_at"]) for r in rows} == {
        (c.message.export_id, c.message.requested_at + timedelta(days=29)) for c in found
    }
    assert all(c.message.expires_at == c.message.requested_at + timedelta(days=29) for c in found)
    before = await everything(connection)
    await jobs.project([story.again(record) for record in records])
    assert (await everything(connection), len(await commands(connection))) == (before, 2)
    assert before["usage_logs"] == before["event_log"] == []


async def test_endings_of_background_exports_are_projected_from_their_own_topic(
    pool: asyncpg.Pool, story: Story, connection: asyncpg.Connection
) -> None:
    scene, late = [await put_scene(connection, story.account) for _ in range(2)]
    await projector(pool).project([story.completed(each) for each in (scene, late)])
    await connection.execute("UPDATE scene_generations SET deleted_at = now() WHERE id = $1", late)
    own = Story(story.account, topic=topics.BACKGROUND_ENDINGS)
    done, failed, needless = PREVIEW.id_for(scene), VIEWER.id_for(scene), VIEWER.id_for(late)
    records = [own.export_completed(done, scene), own.export_failed(failed, scene)]
    records += [own.export_completed(needless, late)]
    for _ in range(2):
        await projector(pool, topics.BACKGROUND_ENDINGS).project(records)
    rows = {row["id"]: row for row in await connection.fetch("SELECT * FROM export_jobs")}
    assert (rows[done]["status"], rows[done]["export_file_url"]) == (
        "completed",
        f"s3://{BUCKET}/exports/e/1.glb",
    )
    assert (rows[failed]["status"], rows[failed]["error_code"]) == ("failed", "unsupported_format")
    assert [row[0] for row in await connection.fetch("SELECT key FROM blob_removals")] == [
        f"exports/{needless}/"
    ]


async def test_the_previews_command_names_the_photo(
    pool: asyncpg.Pool, story: Story, connection: asyncpg.Connection
) -> None:
    stated = {"media_type": PHOTO.media_type, "bytes": PHOTO.bytes, "sha256": PHOTO.sha256, "width": 1536}
    url = PHOTO.url(BUCKET)
    images = [{"image": stated}, {"image": stated | {"sha256": 5}}, {"image": "a photo"}, {}]
    scenes = [
        await put_scene(connection, story.account, original_image_url=url, metadata=json.dumps(image))
        for image in images
    ]
    no_url = await put_scene(
        connection, story.account, metadata=json.dumps(images[0]), original_image_url="k"
    )
    await projector(pool).project([story.completed(scene) for scene in (*scenes, no_url)])
    photos = {
        (c.message.generation_id, c.message.purpose): c.message.photo for c in await commands(connection)
    }
    assert len(photos) == 10
    assert {key: photo for key, photo in photos.items() if photo is not None} == {
        (scenes[0], "preview"): PHOTO
    }


def test_the_same_request_has_the_same_export_id() -> None:
    scene = uuid4()
    requests = [
        View(BACKFILL, "spz", {"up": "y", "unit": "m"}),
        View(BACKFILL, "spz", {"unit": "m", "up": "y"}),
        View(BACKFILL, "spz", {}),
        View(BACKFILL, "sog", {}),
        View("viewer", "spz", {}),
    ]
    ids = [request.id_for(scene) for request in requests]
    assert ids[0] == ids[1]
    assert len({*ids, requests[0].id_for(uuid4())}) == 5


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
