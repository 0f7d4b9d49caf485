"""The event log is shortened by its age, from its beginning, in batches; the invariants know it."""

from __future__ import annotations

from uuid import UUID, uuid4

import asyncpg
import pytest
from pydantic import ValidationError

from bus.bridges.projector import Projector
from ledger import invariants, log_retention
from ledger.log_retention import LEAST_DAYS, LogRetention
from ledger.settings import LedgerSettings
from tests.ledger.story import Story

AGE = """
UPDATE event_log SET recorded_at = now() - make_interval(days => $2) WHERE "offset" = ANY($1::bigint[])"""


@pytest.fixture
async def scenes(connection: asyncpg.Connection, ledger: Projector, story: Story) -> list[UUID]:
    """Three scenes that were completed, the second of them deleted: seven events, at the offsets 0 to 6."""
    made = [uuid4() for _ in range(3)]
    for number, scene in enumerate(made):
        story.requested(scene)
        story.completed(scene)
        if number == 1:
            story.deleted(scene)
    await ledger.project(story.published)
    return made


async def left(connection: asyncpg.Connection) -> list[int]:
    return [row[0] for row in await connection.fetch('SELECT "offset" FROM event_log ORDER BY 1')]


async def floor(connection: asyncpg.Connection) -> asyncpg.Record | None:
    return await connection.fetchrow("SELECT * FROM event_log_floors")


@pytest.mark.usefixtures("scenes")
async def test_what_is_older_is_removed_from_the_beginning_to_the_first_younger_event(
    pool: asyncpg.Pool, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_retention, "BATCH", 2)
    await connection.execute(AGE, [0, 1, 2, 3, 5], LEAST_DAYS + 1)  # 5 lies behind a younger one
    newest = await connection.fetchval('SELECT max(time) FROM event_log WHERE "offset" < 4')
    work = LogRetention(pool, LEAST_DAYS)
    assert await work.work() == 4
    assert await left(connection) == [4, 5, 6]
    found = await floor(connection)
    assert found is not None
    assert (found["next_offset"], found["forgotten_until"]) == (4, newest)
    assert await work.work() == 0
    assert await invariants.check(connection) == []
    await connection.execute(AGE, [4, 5, 6], LEAST_DAYS + 1)
    assert await work.work() == 3
    assert await left(connection) == []
    assert await invariants.check(connection) == []


@pytest.mark.usefixtures("scenes")
async def test_by_default_and_at_the_last_moment_nothing_is_removed(
    pool: asyncpg.Pool, connection: asyncpg.Connection
) -> None:
    await connection.execute(AGE, [0, 1, 2], LEAST_DAYS)
    await connection.execute("UPDATE event_log SET recorded_at = recorded_at + interval '1 minute'")
    assert await LogRetention(pool, LEAST_DAYS).work() == 0
    await connection.execute(AGE, [0, 1, 2], 36_000)
    assert await LogRetention(pool, None).work() == 0
    assert await left(connection) == list(range(7))
    assert await floor(connection) is None


@pytest.mark.usefixtures("scenes")
async def test_two_ledgers_at_once_remove_each_event_once(
    pool: asyncpg.Pool, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_retention, "BATCH", 1)
    await connection.execute(AGE, list(range(5)), LEAST_DAYS + 1)
    first, second = LogRetention(pool, LEAST_DAYS), LogRetention(pool, LEAST_DAYS)
    assert await first._once(1, 3, LEAST_DAYS) == 1  # and then it is killed
    assert await second.work() == 4
    assert await left(connection) == [5, 6]


async def test_the_invariants_still_find_what_is_younger_than_the_cut(
    pool: asyncpg.Pool, connection: asyncpg.Connection, scenes: list[UUID]
) -> None:
    await connection.execute(AGE, [0, 1], LEAST_DAYS + 1)
    assert await LogRetention(pool, LEAST_DAYS).work() == 2
    assert await invariants.check(connection) == []
    await connection.execute("DELETE FROM event_log WHERE subject = $1", scenes[1])
    broken = {each.rule for each in await invariants.check(connection)}
    assert broken == {"no_usage_without_event", "status_follows_the_ending", "every_deletion_is_told"}


def test_fewer_days_than_a_job_may_live_are_refused() -> None:
    with pytest.raises(ValidationError):
        LedgerSettings(event_log_days=LEAST_DAYS - 1)
    assert LedgerSettings(event_log_days=LEAST_DAYS).event_log_days == LEAST_DAYS
    assert LedgerSettings().event_log_days is None


async def test_the_database_itself_refuses_fewer_days(pool: asyncpg.Pool) -> None:
    with pytest.raises(asyncpg.RaiseError, match="the last 30 days"):
        await LogRetention(pool, LEAST_DAYS)._once(1, 3, LEAST_DAYS - 1)
