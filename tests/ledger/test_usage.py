"""Totals by day and kind, by key and account, and the rows behind them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest

from bus.bridges.projector import Projector
from ledger import usage_report
from ledger.usage_report import Of, UsageTotal
from tests.ledger.story import Story, add_user

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


async def test_totals(
    ledger: Projector, story: Story, pool: asyncpg.Pool, connection: asyncpg.Connection
) -> None:
    story.clock = MIDNIGHT - timedelta(seconds=4)
    early, late = uuid4(), uuid4()
    other = Story(await add_user(connection), partition=5, clock=story.clock)
    await ledger.project(
        [
            story.requested(early),  # 23:59:57
            story.completed(early),
            story.key_created(uuid4()),
            story.requested(late),  # 00:00:00
            story.completed(late),
            story.failed(uuid4()),
        ]
    )
    await ledger.project([other.requested(uuid4()), other.key_created(uuid4())])
    first, second = date(2026, 3, 1), date(2026, 3, 2)
    day = timedelta(days=1)
    assert await totals(pool, story.account, MIDNIGHT - day, MIDNIGHT + day) == (
        whole := [
            UsageTotal(day=first, event_type="api_key_created", count=1),
            UsageTotal(day=first, event_type="scene_generate", count=1),
            UsageTotal(day=second, event_type="scene_generate", count=1),
        ]
    )
    assert await totals(pool, story.account, MIDNIGHT, MIDNIGHT + day) == whole[2:]
    exact = MIDNIGHT + timedelta(seconds=1)  # when it was completed: the end is exclusive, the start is not
    assert await totals(pool, story.account, MIDNIGHT, exact) == []
    assert await totals(pool, story.account, exact, exact + day) == whole[2:]
    assert await totals(pool, uuid4(), MIDNIGHT - day, MIDNIGHT + day) == []
    overall = await totals(pool, None, MIDNIGHT - day, MIDNIGHT + day)
    assert [total.count for total in overall] == [2, 1, 1]


async def test_groups(ledger: Projector, story: Story, pool: asyncpg.Pool) -> None:
    key = uuid4()
    async with pool.acquire() as connection:
        other = Story(await add_user(connection), partition=5)
    by_person, by_key = uuid4(), uuid4()
    await ledger.project(
        [
            story.requested(by_person),
            story.completed(by_person),
            story.requested(by_key, api_key_id=key),
            story.completed(by_key),
        ]
    )
    theirs = uuid4()
    await ledger.project([other.requested(theirs), other.completed(theirs)])
    whole = Of(since=MIDNIGHT - timedelta(days=9999), until=MIDNIGHT + timedelta(days=9999))
    by_keys = await usage_report.totals(pool, replace(whole, account_id=story.account), "key")
    assert {(t.api_key_id, t.count) for t in by_keys} == {(None, 1), (key, 1)}
    by_accounts = await usage_report.totals(pool, whole, "account")
    assert {(t.account_id, t.count) for t in by_accounts} == {(story.account, 2), (other.account, 1)}
    of_key = replace(whole, account_id=story.account, api_key_id=key)
    assert [t.count for t in await usage_report.totals(pool, of_key)] == [1]
    (row,) = await usage_report.rows(pool, of_key, limit=10)
    assert (row.api_key_id, row.details["generation_id"]) == (key, str(by_key))
    assert await usage_report.rows(pool, replace(of_key, account_id=other.account), limit=10) == []


async def test_pages_of_rows_show_each_once(ledger: Projector, story: Story, pool: asyncpg.Pool) -> None:
    made = [uuid4() for _ in range(5)]
    await ledger.project([story.key_created(key) for key in made])
    await pool.execute("UPDATE usage_logs SET created_at = $1", MIDNIGHT)  # all at one time: the id decides
    of = Of(since=MIDNIGHT, until=MIDNIGHT + timedelta(days=1), account_id=story.account)
    seen, before = [], None
    while page := await usage_report.rows(pool, of, limit=2, before=before):
        seen += page
        before = (page[-1].created_at, page[-1].id)
    assert sorted(row.details["api_key_id"] for row in seen) == sorted(map(str, made))
    assert [row.id for row in seen] == sorted((row.id for row in seen), reverse=True)


async def test_too_many_totals_are_refused(
    ledger: Projector, story: Story, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ledger.project([story.key_created(uuid4()), story.key_created(uuid4())])
    whole = Of(since=MIDNIGHT - timedelta(days=9999), until=MIDNIGHT + timedelta(days=9999))
    monkeypatch.setattr(usage_report, "MAX_TOTALS", 1)
    assert await usage_report.totals(pool, whole, "key") is None


async def totals(pool: asyncpg.Pool, account: UUID | None, since: datetime, until: datetime):
    return await usage_report.totals(pool, Of(since=since, until=until, account_id=account))
