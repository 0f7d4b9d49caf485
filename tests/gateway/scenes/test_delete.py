"""Deleting a scene: gone from every response at once, its objects removed, the invariants kept."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from bus.blobs import BlobStoreError
from bus.bridges.outbox import load
from bus.bridges.projector import Projector, RawRecord
from bus.contract import topics
from bus.contract.envelope import decode
from gateway.app import create_app
from ledger import invariants
from ledger.batch_writer import Intake
from ledger.projection import PROJECTOR, EventProjection
from tests.gateway.conftest import started
from tests.gateway.rows import put_objects, put_scene

SCENES, EXPORTS = "/api/v1/scenes", "/api/v1/exports"


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def put_export(api, scene):
    export = uuid4()
    url = f"s3://{api.services.blobs.bucket}/exports/{export}/x.glb"
    now = datetime.now(UTC)
    await api.sql(
        "INSERT INTO export_jobs (id, scene_generation_id, export_format, export_file_url, status,"
        " created_at, updated_at) VALUES ($1, $2, 'gltf', $3, 'completed', $4, $4)",
        export, scene, url, now,
    )  # fmt: skip
    return export


async def of(api, *prefixes):
    return [key for prefix in prefixes for key in await api.services.blobs.keys(prefix)]


async def gone(api, *prefixes):
    async with asyncio.timeout(30):
        while await of(api, *prefixes):  # noqa: ASYNC110  (a background job)
            await asyncio.sleep(0.02)


async def test_a_deleted_scene_is_gone_from_every_response_and_the_store(api, me, assert_problem):
    headers, account = me
    scene, other = await put_scene(api, account), await put_scene(api, account)
    export = await put_export(api, scene)
    folders = [f"originals/{scene}/", f"results/{scene}/", f"exports/{export}/"]
    await put_objects(api, *(f"{f}{name}" for f in folders for name in ("winner", "loser")))
    await put_objects(api, f"originals/{other}/photo")
    answer = await api.client.delete(f"{SCENES}/{scene}", headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    asked = [
        ("GET", f"{SCENES}/{scene}"),
        ("GET", f"{SCENES}/{scene}/events"),
        ("GET", f"{SCENES}/{scene}/exports"),
        ("GET", f"{EXPORTS}/{export}"),
        ("POST", f"{SCENES}/{scene}/cancel"),
        ("DELETE", f"{SCENES}/{scene}"),
    ]
    for method, path in asked:
        assert_problem(await api.client.request(method, path, headers=headers), 404, "not_found")
    body = {"format": "gltf"}
    answer = await api.client.post(f"{SCENES}/{scene}/export", headers=headers, json=body)
    assert_problem(answer, 404, "not_found")
    listed = (await api.client.get(SCENES, headers=headers)).json()["items"]
    assert [item["id"] for item in listed] == [str(other)]
    await gone(api, *folders)
    assert await of(api, f"originals/{other}/")
    (row,) = await api.sql("SELECT metadata FROM scene_generations WHERE id = $1", scene)
    assert "kitchen" not in row["metadata"]


async def test_an_uploaded_photo_is_removed_too(api, me):
    headers, account = me
    (key,) = await put_objects(api, f"uploads/{uuid4()}")
    url = f"s3://{api.services.blobs.bucket}/{key}"
    scene = await put_scene(api, account, "failed", original_image_url=url)
    assert (await api.client.delete(f"{SCENES}/{scene}", headers=headers)).status_code == 204
    await gone(api, key)


async def test_a_deletion_is_published_once_and_the_invariants_hold(api, me):
    headers, account = me
    scene = await put_scene(api, account)
    await asyncio.gather(*(api.client.delete(f"{SCENES}/{scene}", headers=headers) for _ in range(4)))
    ((record,),) = [load(row["records"]) for row in await api.sql("SELECT records FROM outbox")]
    event = decode(topics.EVENTS, record.value, record.headers)
    assert (event.type, event.subject) == ("generation.deleted.v1", str(scene))
    assert record.key == str(account).encode()
    raw = RawRecord(topics.EVENTS.name, 0, 0, record.key, record.value, record.headers, event.time)
    write = EventProjection(epoch=1, bucket="b").write
    intake = Intake(topics.EVENTS, projector=PROJECTOR, epoch=1, write=write)
    (before,) = await api.sql("SELECT * FROM scene_generations")
    pool = api.services.pool
    assert await Projector(pool, name=PROJECTOR, epoch=1, apply=intake.apply).project([raw]) == 1
    (after,) = await api.sql("SELECT * FROM scene_generations")
    assert tuple(before) == tuple(after)
    assert after["deleted_at"] == event.time
    async with pool.acquire() as connection:
        broken = {item.rule for item in await invariants.check(connection)}
    assert not broken & {rule for rule in invariants.RULES if "delet" in rule}


@pytest.mark.parametrize("status", ["pending", "processing"])
async def test_an_unfinished_scene_cannot_be_deleted(api, me, status, assert_problem):
    headers, account = me
    scene = await put_scene(api, account, status)
    answer = await api.client.delete(f"{SCENES}/{scene}", headers=headers)
    assert assert_problem(answer, 409, "scene_unfinished")["details"] == {"status": status}
    assert await api.sql("SELECT FROM outbox") == await api.sql("SELECT FROM blob_removals") == []


@pytest.mark.parametrize("table", ["outbox", "blob_removals"])
async def test_a_failing_write_deletes_nothing(api, me, table, assert_problem):
    headers, account = me
    scene = await put_scene(api, account)
    await api.sql(f"ALTER TABLE {table} ADD CONSTRAINT refused CHECK (false) NOT VALID")
    assert_problem(await api.client.delete(f"{SCENES}/{scene}", headers=headers), 500, "internal")
    assert (await api.client.get(f"{SCENES}/{scene}", headers=headers)).status_code == 200
    assert await api.sql("SELECT FROM outbox") == await api.sql("SELECT FROM blob_removals") == []


async def test_another_accounts_scene_cannot_be_deleted(api, me, assert_problem):
    headers, account = me
    scene = await put_scene(api, account)
    eve = await api.person()
    assert_problem(await api.client.delete(f"{SCENES}/{scene}", headers=eve), 404, "not_found")
    assert (await api.client.get(f"{SCENES}/{scene}", headers=headers)).status_code == 200


async def test_objects_that_could_not_be_removed_are_removed_by_another_gateway(
    api, me, settings, monkeypatch
):
    headers, account = me
    scene = await put_scene(api, account)
    key = f"results/{scene}/winner.ply"
    await put_objects(api, key)
    tried = asyncio.Event()

    async def away(_: str) -> None:
        tried.set()
        raise BlobStoreError("away")

    monkeypatch.setattr(api.services.blobs, "delete", away)
    assert (await api.client.delete(f"{SCENES}/{scene}", headers=headers)).status_code == 204
    await asyncio.wait_for(tried.wait(), 30)
    assert await of(api, key) == [key]
    app = create_app(settings)
    async with started(app):
        await api.sql("UPDATE blob_removals SET due_at = now()")
        app.state.removals.wake()
        await gone(api, key)


async def test_a_simultaneous_export_is_accepted_or_not_found(api, me):
    """Whichever locks the scene first: an earlier export is removed with it, a later one is refused."""
    headers, account = me
    for _ in range(5):
        scene = await put_scene(api, account)
        made, deleted = await asyncio.gather(
            api.client.post(f"{SCENES}/{scene}/export", headers=headers, json={"format": "obj"}),
            api.client.delete(f"{SCENES}/{scene}", headers=headers),
        )
        assert deleted.status_code == 204
        assert made.status_code in {202, 404}
        rows = await api.sql("SELECT id FROM export_jobs WHERE scene_generation_id = $1", scene)
        assert len(rows) == (made.status_code == 202)
