"""A deletion event has the same effect in any order and in any batches."""

from __future__ import annotations

import itertools
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from bus.bridges.projector import Projector, RawRecord
from ledger import invariants
from tests.ledger.story import Story, everything


async def row(connection: asyncpg.Connection, generation: UUID) -> dict[str, Any]:
    return dict(await connection.fetchrow("SELECT * FROM scene_generations WHERE id = $1", generation))


async def test_a_deletion_marks_the_scene_and_changes_nothing_else(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    gone, kept = uuid4(), uuid4()
    await ledger.project(
        [*(record for g in (gone, kept) for record in (story.requested(g), story.completed(g)))]
    )
    before = await row(connection, gone)
    await ledger.project([story.deleted(gone)])
    assert await row(connection, gone) == before | {"deleted_at": story.clock}
    assert (await row(connection, kept))["deleted_at"] is None
    kinds = await connection.fetch("SELECT event_type FROM usage_logs")
    assert [kind[0] for kind in kinds] == ["scene_generate"] * 2
    assert await invariants.check(connection) == []


@pytest.mark.parametrize("apart", [False, True], ids=["one batch", "batches of one"])
@pytest.mark.parametrize("order", [*itertools.permutations(range(3))], ids=str)
async def test_a_deletion_takes_effect_in_any_order(
    ledger: Projector, story: Story, connection: asyncpg.Connection, order: tuple[int, ...], apart: bool
) -> None:
    scene = uuid4()
    makers = (story.requested, story.completed, story.deleted)
    records = [makers[number](scene) for number in order]
    for batch in [[record] for record in records] if apart else [records]:
        await ledger.project(batch)
    time = await connection.fetchval("SELECT time FROM event_log WHERE type LIKE '%.deleted.%'")
    assert (await row(connection, scene))["deleted_at"] == time


async def test_the_gateways_mark_is_kept_and_a_repeat_changes_nothing(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    scene = uuid4()
    records = [story.requested(scene), story.completed(scene), story.deleted(scene)]
    await ledger.project(records[:2])
    await connection.execute("UPDATE scene_generations SET deleted_at = $1", story.clock)
    await ledger.project(records[2:])
    before = await everything(connection)
    again: list[RawRecord] = [story.again(record) for record in records]
    await ledger.project([*again, story.deleted(scene)])  # a second deletion has the first event's id
    assert await everything(connection) == before
    assert before["scene_generations"][0] is not None


async def test_a_deletion_of_an_unknown_scene_is_only_logged(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    await ledger.project([story.deleted(uuid4())])
    found = await everything(connection)
    assert len(found["event_log"]) == 1
    assert found["scene_generations"] == found["usage_logs"] == found["parked_events"] == []
