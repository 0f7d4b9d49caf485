"""The projection of export events into ``export_jobs``."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from bus.bridges.projector import Projector
from bus.contract import topics
from bus.contract.formats import FORMATS, canonical
from bus.contract.messages import Scores
from export_consumer.export_projection import PROJECTOR, ExportJobs
from export_consumer.formats import MADE
from ledger.batch_writer import Intake
from ledger.db.scene_views import PREVIEW, VIEWER
from tests.ledger.story import BUCKET, EPOCH, NOON, Story, everything, insert
from tests.ledger.views import opened, order, put_scene


def projector(pool: asyncpg.Pool, topic: topics.Topic = topics.EVENTS) -> Projector:
    intake = Intake(topic, projector=PROJECTOR, epoch=EPOCH, write=ExportJobs(bucket=BUCKET).write)
    return Projector(pool, name=PROJECTOR, epoch=EPOCH, apply=intake.apply)


@pytest.fixture
def jobs(pool: asyncpg.Pool) -> Projector:
    return projector(pool)


@pytest.fixture
async def scene(connection: asyncpg.Connection, story: Story) -> UUID:
    return await put_scene(connection, story.account)


async def job(connection: asyncpg.Connection, export: UUID) -> dict[str, Any]:
    return dict(await connection.fetchrow("SELECT * FROM export_jobs WHERE id = $1", export))


async def test_requested_then_completed(
    jobs: Projector, story: Story, scene: UUID, connection: asyncpg.Connection
) -> None:
    export = uuid4()
    await jobs.project([story.export_requested(export, scene)])
    row = await job(connection, export)
    assert (row["status"], row["export_format"], row["scene_generation_id"]) == ("pending", "GLTF", scene)
    assert row["created_at"] == row["updated_at"] == story.clock
    await jobs.project([story.export_completed(export, scene)])
    row = await job(connection, export)
    assert (row["status"], row["export_file_url"]) == ("completed", f"s3://{BUCKET}/exports/e/1.glb")
    assert row["updated_at"] == story.clock > row["created_at"]


async def test_scores_are_stored_with_the_first_ending(
    jobs: Projector, story: Story, scene: UUID, connection: asyncpg.Connection
) -> None:
    export, other = uuid4(), uuid4()
    scores = Scores(size=768, psnr=31.5, ssim=0.9)
    await jobs.project(
        [
            story.export_requested(export, scene),
            story.export_requested(other, scene),
            story.export_completed(export, scene, scores=scores),
            story.export_completed(export, scene, scores=Scores(size=768, psnr=1.0, ssim=0.1)),
            story.export_completed(other, scene),
        ]
    )
    stored = {"size": 768, "psnr": 31.5, "ssim": 0.9}
    assert json.loads((await job(connection, export))["scores"]) == stored
    assert (await job(connection, other))["scores"] is None


async def test_failed(jobs: Projector, story: Story, scene: UUID, connection: asyncpg.Connection) -> None:
    export = uuid4()
    await jobs.project([story.export_requested(export, scene), story.export_failed(export, scene)])
    row = await job(connection, export)
    assert (row["status"], row["error_message"], row["export_file_url"]) == ("failed", "Not yet.", None)


async def test_a_row_written_by_the_gateway_is_unchanged(
    jobs: Projector, story: Story, scene: UUID, connection: asyncpg.Connection
) -> None:
    export = uuid4()
    row = {"id": export, "scene_generation_id": scene, "export_format": "OBJ", "status": "pending"}
    await insert(connection, "export_jobs", row | {"created_at": NOON, "updated_at": NOON})
    before = await job(connection, export)
    await jobs.project([story.export_requested(export, scene)])
    assert await job(connection, export) == before


async def test_repeats_and_second_endings_change_nothing(
    jobs: Projector, story: Story, scene: UUID, connection: asyncpg.Connection
) -> None:
    done, failed = uuid4(), uuid4()
    records = [story.export_requested(export, scene) for export in (done, failed)]
    records += [story.export_completed(done, scene), story.export_failed(done, scene)]
    records += [story.export_failed(failed, scene)]
    await jobs.project(records)
    before = await everything(connection)
    assert (await job(connection, done))["status"] == "completed"
    assert await jobs.project(records) == 0
    again = [story.again(record) for record in records]
    await jobs.project([*again, story.export_completed(failed, scene)])
    assert await everything(connection) == before


async def test_other_events_are_skipped(
    jobs: Projector, story: Story, scene: UUID, connection: asyncpg.Connection
) -> None:
    records = [story.requested(uuid4()), story.completed(scene), story.key_created(uuid4())]
    assert await jobs.project(records) == 3
    found = await everything(connection)
    assert (found["export_jobs"], found["event_log"], found["usage_logs"]) == ([], [], [])
    assert await connection.fetchval("SELECT next_offset FROM projector_offsets") == 3


async def test_an_undecodable_event_is_parked_by_the_export_projector(
    jobs: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    await jobs.project([story.raw(key=None, value=b"{", headers=[])])
    assert await connection.fetchval("SELECT projector FROM parked_events") == PROJECTOR


async def test_options_and_the_error_code_are_stored(
    jobs: Projector, story: Story, scene: UUID, connection: asyncpg.Connection
) -> None:
    export = uuid4()
    options = {"faces": 1000, "axes": "y-up"}
    await jobs.project([story.export_requested(export, scene, options=options)])
    assert json.loads((await job(connection, export))["options"]) == options
    await jobs.project([story.export_failed(export, scene)])
    assert (await job(connection, export))["error_code"] == "unsupported_format"


async def removals(connection: asyncpg.Connection) -> list[str]:
    return [row[0] for row in await connection.fetch("SELECT key FROM blob_removals ORDER BY key")]


async def test_a_file_completed_after_its_scene_was_deleted_is_removed(
    jobs: Projector, story: Story, scene: UUID, connection: asyncpg.Connection
) -> None:
    late, failed = uuid4(), uuid4()
    await jobs.project([story.export_requested(export, scene) for export in (late, failed)])
    await connection.execute("UPDATE scene_generations SET deleted_at = now()")
    records = [story.export_completed(late, scene), story.export_failed(failed, scene)]
    await jobs.project(records)
    assert await removals(connection) == [f"exports/{late}/"]
    await jobs.project(records)
    assert len(await removals(connection)) == 1


async def test_a_concurrent_deletion_removes_the_file(
    jobs: Projector, story: Story, scene: UUID, connection: asyncpg.Connection, pool: asyncpg.Pool
) -> None:
    export = uuid4()
    await jobs.project([story.export_requested(export, scene)])
    async with pool.acquire() as deleting:
        transaction = deleting.transaction()
        await transaction.start()
        await deleting.execute("SELECT FROM scene_generations WHERE id = $1 FOR UPDATE", scene)
        await deleting.execute("UPDATE scene_generations SET deleted_at = now()")
        ending = asyncio.create_task(jobs.project([story.export_completed(export, scene)]))
        async with asyncio.timeout(30):
            while not await connection.fetchval(  # noqa: ASYNC110  (until it waits for us)
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()"
            ):
                await asyncio.sleep(0.01)
        await transaction.commit()
    await ending
    assert await removals(connection) == [f"exports/{export}/"]


def test_the_gateway_accepts_the_name_of_every_writer() -> None:
    assert set(MADE) <= set(FORMATS)
    assert [canonical(name) for name in ("GLTF", " Fbx ", "OBJ", "ply-sharp", "docx")] == [
        "gltf",
        "fbx",
        "obj",
        "ply_sharp",
        None,
    ]


async def test_endings_of_background_exports_are_projected_from_their_own_topic(
    pool: asyncpg.Pool, story: Story, connection: asyncpg.Connection
) -> None:
    scene, late = [await put_scene(connection, story.account) for _ in range(2)]
    await order(pool, opened(scene, story.account), opened(late, story.account))
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
