"""Totals by day and kind."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import asyncpg

from bus.projector import Projector
from ledger.usage import UsageTotal, usage_totals
from tests.ledger.story import Story, add_user

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)


async def test_totals(ledger: Projector, story: Story, connection: asyncpg.Connection) -> None:
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
    whole = await usage_totals(connection, story.account, MIDNIGHT - day, MIDNIGHT + day)
    assert whole == [
        UsageTotal(day=first, event_type="api_key_created", count=1),
        UsageTotal(day=first, event_type="scene_generate", count=1),
        UsageTotal(day=second, event_type="scene_generate", count=1),
    ]
    assert await usage_totals(connection, story.account, MIDNIGHT, MIDNIGHT + day) == whole[2:]
    exact = MIDNIGHT + timedelta(seconds=1)  # when it was completed: the end is exclusive, the start is not
    assert await usage_totals(connection, story.account, MIDNIGHT, exact) == []
    assert await usage_totals(connection, story.account, exact, exact + day) == whole[2:]
    assert await usage_totals(connection, uuid4(), MIDNIGHT - day, MIDNIGHT + day) == []
