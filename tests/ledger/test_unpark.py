"""Parked events are projected by a release that can decode and store them."""

from __future__ import annotations

from uuid import uuid4

import asyncpg

from bus.bridges.projector import Projector
from bus.contract import topics
from ledger.batch_writer import Intake
from ledger.projection import PROJECTOR, EventProjection
from ledger.unpark import Unparked, unpark
from tests.ledger.story import BUCKET, EPOCH, Story


async def test_unpark(ledger: Projector, story: Story, connection: asyncpg.Connection) -> None:
    generation = uuid4()
    await connection.execute(
        "ALTER TABLE event_log ADD CONSTRAINT old CHECK (type NOT LIKE '%.completed.v1')"
    )
    known, unknown = story.requested(generation), story.completed(generation)
    undecodable = story.raw(key=None, value=b"\x00", headers=[("ce_id", b"\xff")])
    await ledger.project([known, unknown, undecodable])
    before = [tuple(row) for row in await connection.fetch('SELECT * FROM parked_events ORDER BY "offset"')]
    assert [row[4] for row in before] == [1, 2]
    await connection.execute("ALTER TABLE event_log DROP CONSTRAINT old")
    write = EventProjection(epoch=EPOCH, bucket=BUCKET).write
    intake = Intake(topics.EVENTS, projector=PROJECTOR, epoch=EPOCH, write=write)
    assert await unpark(connection, intake, projector=PROJECTOR, epoch=EPOCH) == Unparked(before=2, left=1)
    assert (
        await connection.fetchval("SELECT details ->> 'taken' FROM admin_acts WHERE action = 'unpark'") == "1"
    )
    (left,) = [tuple(row) for row in await connection.fetch("SELECT * FROM parked_events")]
    assert left[:-1] == before[1][:-1]  # all but the time it was written
    assert await connection.fetchval("SELECT status FROM scene_generations") == "completed"
    assert await connection.fetchval("SELECT count(*) FROM usage_logs") == 1
    assert await connection.fetchval('SELECT max("offset") FROM event_log') == 1
