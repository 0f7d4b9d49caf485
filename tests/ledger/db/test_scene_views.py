"""The views of a scene: ordered once, for living scenes of their owner, and invisible to the account."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from uuid import uuid4

import asyncpg

from ledger.db import scene_views
from ledger.db.scene_views import BACKFILL, VIEWER, VIEWS, View
from tests.ledger.story import BUCKET, NOON, PHOTO, SPLAT, Story, add_user, everything
from tests.ledger.views import commands, opened, order, put_scene

OTHER = View(BACKFILL, "sog", {})


async def test_views_are_ordered_once_for_a_living_scene_of_the_account(
    pool: asyncpg.Pool, story: Story, connection: asyncpg.Connection
) -> None:
    scene = await put_scene(connection, story.account)
    gone = await put_scene(connection, story.account, deleted_at=NOON)
    erased = await add_user(connection, erased_at=NOON)
    theirs = await put_scene(connection, erased)
    others = await put_scene(connection, await add_user(connection))
    scenes = [opened(each, story.account) for each in (scene, gone, others, uuid4())]
    assert await order(pool, *scenes, opened(theirs, erased)) == 2
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
    assert await scene_views.count_ordered(pool, [view.id_for(scene) for view in (*VIEWS, OTHER)]) == 2
    before = await everything(connection)
    assert await order(pool, *scenes) == 0
    assert (await everything(connection), len(await commands(connection))) == (before, 2)
    assert before["usage_logs"] == before["event_log"] == []


async def test_many_who_open_a_scene_at_once_order_its_views_once(
    pool: asyncpg.Pool, story: Story, connection: asyncpg.Connection
) -> None:
    scene = opened(await put_scene(connection, story.account), story.account)
    assert sorted(await asyncio.gather(*(order(pool, scene) for _ in range(6)))) == [0] * 5 + [2]
    assert len(await commands(connection)) == 2


async def test_only_what_is_missing_is_ordered(
    pool: asyncpg.Pool, story: Story, connection: asyncpg.Connection
) -> None:
    scene = await put_scene(connection, story.account)
    assert await order(pool, opened(scene, story.account), views=(VIEWER,)) == 1
    assert await order(pool, opened(scene, story.account)) == 1
    assert [c.message.purpose for c in await commands(connection)] == ["viewer", "preview"]


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
    await order(pool, *(opened(scene, story.account) for scene in (*scenes, no_url)))
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
