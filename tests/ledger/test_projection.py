"""The effect of each event on the tables; a repeated event has none."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from msgspec import UNSET

from bus.bridges.projector import Projector
from bus.contract import envelope, ids, topics
from bus.contract.blob_ref import BlobRef
from bus.contract.messages import ApiKeyRevoked, Priority
from ledger.db.queries import run
from ledger.db.tables import EventLog, ParkedEvent, SceneGeneration, UsageLog
from tests.ledger.story import BUCKET, NOON, PHOTO, RENDITION, SPLAT, THUMBNAIL, Story, everything, insert


async def scene(connection: asyncpg.Connection, generation: UUID) -> dict[str, Any]:
    row = dict(await connection.fetchrow("SELECT * FROM scene_generations WHERE id = $1", generation))
    return row | {"metadata": json.loads(row["metadata"])}


async def usage(connection: asyncpg.Connection) -> list[dict[str, Any]]:
    rows = await connection.fetch("SELECT * FROM usage_logs ORDER BY created_at")
    return [dict(row) | {"details": json.loads(row["details"])} for row in rows]


async def test_the_log_keeps_the_exact_text_and_position(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    generation, trace = uuid4(), f"00-{'1' * 32}-{'2' * 16}-01"
    out = envelope.record(
        topics.EVENTS,
        ApiKeyRevoked(api_key_id=generation, account_id=story.account),
        key=story.account,
        source="/tests",
        time=NOON,
        traceparent=trace,
        correlation_id="abc",
    )
    spaced = out.value.replace(b'"type"', b'  "added_later": 1.50,\n"type"')
    await ledger.project([story.raw(key=out.key, value=spaced, headers=out.headers)])
    row = await connection.fetchrow("SELECT *, body::text AS text FROM event_log")
    assert (row["epoch"], row["partition"], row["offset"]) == (1, 3, 0)
    assert row["text"].encode() == spaced
    assert row["event_id"] == ids.event_id(generation, "api_key.revoked.v1")
    assert (row["type"], row["subject"], row["account_id"]) == (
        "api_key.revoked.v1",
        generation,
        story.account,
    )
    assert (row["source"], row["time"], row["traceparent"], row["correlation_id"]) == (
        "/tests",
        NOON,
        trace,
        "abc",
    )


async def test_requested_makes_the_missing_row(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    generation, key = uuid4(), uuid4()
    await ledger.project([story.requested(generation, priority=Priority.BULK, api_key_id=key)])
    row = await scene(connection, generation)
    assert row["user_id"] == story.account
    assert (row["status"], row["priority"], row["api_key_id"]) == ("pending", "bulk", key)
    assert row["original_image_url"] == f"s3://{BUCKET}/{PHOTO.key}"
    assert row["created_at"] == row["updated_at"] == NOON + timedelta(seconds=1)
    assert row["metadata"]["image"] == {
        "media_type": "image/jpeg",
        "bytes": 1234,
        "sha256": PHOTO.sha256,
    }
    assert await usage(connection) == []


async def test_requested_leaves_the_gateways_row_alone(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    generation = uuid4()
    await insert(
        connection,
        "scene_generations",
        {
            "id": generation,
            "user_id": story.account,
            "original_image_url": "s3://b/k",
            "status": "processing",
            "priority": "interactive",
            "metadata": '{"client": {"album": "summer"}}',
            "created_at": NOON,
            "updated_at": NOON,
        },
    )
    before = await scene(connection, generation)
    await ledger.project([story.requested(generation)])
    assert await scene(connection, generation) == before


async def test_completed(ledger: Projector, story: Story, connection: asyncpg.Connection) -> None:
    generation, key = uuid4(), uuid4()
    await ledger.project([story.requested(generation, api_key_id=key), story.completed(generation)])
    row = await scene(connection, generation)
    assert row["status"] == "completed"
    assert row["generated_3d_gaussian_url"] == f"s3://{BUCKET}/{SPLAT.key}"
    assert msgspec.json.decode(row["result_blob"], type=BlobRef) == SPLAT
    assert row["photo_url"] == f"s3://{BUCKET}/{RENDITION.key}"
    assert row["thumbnail_url"] == f"s3://{BUCKET}/{THUMBNAIL.key}"
    assert row["processing_time_seconds"] == pytest.approx(0.8605)  # time in the queue does not count
    assert row["updated_at"] == NOON + timedelta(seconds=2)
    assert row["metadata"]["client"] == {}
    assert row["metadata"]["result"] == {
        "gaussian_count": 1_179_648,
        "bytes": SPLAT.bytes,
        "sha256": SPLAT.sha256,
        "focal_length_px": 1281.25,
        "width": 1536,
        "height": 1024,
    }
    assert row["metadata"]["model"]["name"] == "card"
    assert (row["metadata"]["focal_source"], row["metadata"]["scale_uncertainty"]) == ("exif", 0.26)
    assert row["metadata"]["timings"]["queued_ms"] == 900
    (used,) = await usage(connection)
    assert (used["event_type"], used["user_id"], used["api_key_id"]) == (
        "scene_generate",
        story.account,
        key,
    )
    assert used["created_at"] == NOON + timedelta(seconds=2)
    assert used["details"]["generation_id"] == str(generation)
    assert used["details"]["event_id"] == str(used["event_id"])


async def test_failed(ledger: Projector, story: Story, connection: asyncpg.Connection) -> None:
    generation = uuid4()
    await ledger.project([story.requested(generation), story.failed(generation, "Bro\x00ken.")])
    row = await scene(connection, generation)
    assert (row["status"], row["error_message"]) == ("failed", "Bro\ufffdken.")
    assert row["metadata"]["error"] == {"code": "image_broken"}
    assert (row["generated_3d_gaussian_url"], row["result_blob"]) == (None, None)
    assert await usage(connection) == []
    assert await connection.fetchval("SELECT count(*) FROM parked_events") == 0


@pytest.mark.parametrize("reason", ["requested", "expired"])
async def test_cancelled(
    ledger: Projector, story: Story, connection: asyncpg.Connection, reason: str
) -> None:
    generation = uuid4()
    await ledger.project([story.requested(generation), story.cancelled(generation, reason)])
    row = await scene(connection, generation)
    assert row["status"] == "cancelled"
    assert row["metadata"]["error"] == {"code": f"cancelled_{reason}"}
    assert await usage(connection) == []


@pytest.mark.parametrize("together", [True, False])
async def test_export_usage_has_the_key_of_its_request(
    ledger: Projector, story: Story, connection: asyncpg.Connection, together: bool
) -> None:
    export, generation, key = uuid4(), uuid4(), uuid4()
    first = story.export_requested(export, generation, api_key_id=key)
    second = story.export_completed(export, generation)
    for batch in [[first, second]] if together else [[first], [second]]:
        await ledger.project(batch)
    (used,) = await usage(connection)
    assert (used["event_type"], used["api_key_id"]) == ("scene_export", key)
    assert used["details"] == {
        "event_id": str(used["event_id"]),
        "generation_id": str(generation),
        "export_id": str(export),
        "format": "GLTF",
        "bytes": 77,
    }


async def test_key_created(ledger: Projector, story: Story, connection: asyncpg.Connection) -> None:
    key = uuid4()
    await ledger.project([story.key_created(key)])
    (used,) = await usage(connection)
    assert (used["event_type"], used["api_key_id"], used["user_id"]) == (
        "api_key_created",
        key,
        story.account,
    )


async def test_endings_of_earlier_releases_name_fewer_pictures(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    oldest, old, new = uuid4(), uuid4(), uuid4()
    await ledger.project([
        *(story.requested(generation) for generation in (oldest, old, new)),
        story.completed(oldest, photo=UNSET, thumbnail=UNSET),
        story.completed(old, thumbnail=UNSET),
        story.completed(new),
    ])  # fmt: skip
    assert b"thumbnail" not in story.published[4].value
    rows = [await scene(connection, generation) for generation in (oldest, old, new)]
    assert [row["status"] for row in rows] == ["completed"] * 3
    assert [(row["photo_url"] is None, row["thumbnail_url"] is None) for row in rows] == [
        (True, True), (False, True), (False, False),
    ]  # fmt: skip


async def test_repeated_events_change_nothing(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    done, failed, cancelled, export = uuid4(), uuid4(), uuid4(), uuid4()
    records = [
        *(story.requested(generation) for generation in (done, failed, cancelled)),
        story.completed(done),
        story.failed(failed),
        story.cancelled(cancelled),
        story.export_requested(export, done),
        story.export_completed(export, done),
        story.export_failed(uuid4(), done),
        story.key_created(uuid4()),
    ]
    assert await ledger.project(records) == len(records)
    before = await everything(connection)
    assert len(before["event_log"]) == len(records)
    assert len(before["usage_logs"]) == 3
    assert await ledger.project(records) == 0  # the same positions
    assert await ledger.project([story.again(record) for record in records]) == len(
        records
    )  # other positions
    assert await everything(connection) == before


async def test_a_repeat_within_one_batch(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    generation = uuid4()
    first = [story.requested(generation), story.completed(generation)]
    await ledger.project([*first, *[story.again(record) for record in first]])
    rows = await connection.fetch('SELECT "offset" FROM event_log ORDER BY 1')
    assert [row["offset"] for row in rows] == [0, 1]
    assert len(await usage(connection)) == 1


async def test_the_first_ending_wins(ledger: Projector, story: Story, connection: asyncpg.Connection) -> None:
    generation = uuid4()
    await ledger.project([story.requested(generation), story.failed(generation), story.completed(generation)])
    assert (await scene(connection, generation))["status"] == "failed"
    await ledger.project([story.cancelled(generation)])
    row = await scene(connection, generation)
    assert (row["status"], row["error_message"]) == ("failed", "Send a photo.")


async def test_an_unknown_account_is_logged_and_counted_without_a_row(
    ledger: Projector, connection: asyncpg.Connection
) -> None:
    stranger, generation = Story(uuid4()), uuid4()
    await ledger.project([stranger.requested(generation), stranger.completed(generation)])
    assert await connection.fetchval("SELECT count(*) FROM event_log") == 2
    assert await connection.fetchval("SELECT count(*) FROM scene_generations") == 0
    assert len(await usage(connection)) == 1


async def test_piccolo_reads_what_was_written(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    generation = uuid4()
    await ledger.project([story.requested(generation), story.completed(generation)])
    found = await run(connection, SceneGeneration.objects().get(SceneGeneration.id == generation))
    assert found is not None
    assert (found.status, found.user_id) == ("completed", story.account)
    assert await run(connection, EventLog.count()) == 2
    assert await run(connection, UsageLog.count()) == 1
    assert await run(connection, ParkedEvent.count()) == 0
