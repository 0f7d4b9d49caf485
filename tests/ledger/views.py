"""Completed scenes, and the commands of the system's own exports, for tests."""

from __future__ import annotations

from uuid import UUID, uuid4

import asyncpg

from bus.bridges import outbox
from bus.contract import envelope, topics
from ledger.db import scene_views
from ledger.db.scene_views import VIEWS, CompletedScene, View
from tests.ledger.story import NOON, SPLAT, insert

ORDERED_BY = "/tests"


async def put_scene(connection: asyncpg.Connection, account: UUID, **changes: object) -> UUID:
    row = {"id": uuid4(), "user_id": account, "original_image_url": "s3://b/k", "status": "completed"}
    row |= {"priority": "bulk", "metadata": "{}", "created_at": NOON, "updated_at": NOON}
    await insert(connection, "scene_generations", row | changes)
    return row["id"]


def opened(scene: UUID, account: UUID) -> CompletedScene:
    return CompletedScene(scene, account, SPLAT, "c-1")


async def order(pool: asyncpg.Pool, *scenes: CompletedScene, views: tuple[View, ...] = VIEWS) -> int:
    """Order the views of the scenes as the gateway does."""
    async with pool.acquire() as connection, connection.transaction():
        await scene_views.hold(connection, [each.generation_id for each in scenes])
        return await scene_views.order(connection, scenes, views, source=ORDERED_BY)


async def commands(connection: asyncpg.Connection) -> list[envelope.Envelope]:
    """Return the commands in the outbox, which are all of the system's own exports."""
    rows = await connection.fetch("SELECT records FROM outbox ORDER BY id")
    records = [record for row in rows for record in outbox.load(row["records"])]
    assert {record.topic for record in records} <= {topics.BACKGROUND_COMMANDS.name}
    return [envelope.decode(topics.BACKGROUND_COMMANDS, r.value, r.headers) for r in records]
