"""The rule for an accepted generation's priority, evaluated by the database as on acceptance."""

from __future__ import annotations

import asyncpg
import pytest

from gateway.scenes.effective_priority import effective_priority
from tests.gateway.rows import put_scene

RULE = effective_priority(
    account="$1::uuid", asked="$2::text", max_in_flight="$3", interactive_at_once="$4", bulk_at_once="$5"
)
PERSON = {"priority": "interactive", "asked_priority": "interactive"}
SENT_AS_BULK = {"priority": "bulk", "asked_priority": "bulk"}
MADE_BULK = {"priority": "bulk", "asked_priority": "interactive"}
OLD = {"priority": "interactive", "asked_priority": None}
"""A row of a release that did not store the requested priority."""
ENDED = PERSON | {"status": "failed"}


@pytest.mark.parametrize(
    ("asked", "rows", "expected"),
    [
        ("interactive", [], "interactive"),
        ("interactive", [PERSON], "interactive"),
        ("interactive", [PERSON, PERSON], "bulk"),
        ("interactive", [PERSON, OLD], "bulk"),
        ("interactive", [PERSON, MADE_BULK], "bulk"),
        ("interactive", [PERSON, SENT_AS_BULK, SENT_AS_BULK], "interactive"),
        ("interactive", [PERSON, ENDED, ENDED, ENDED], "interactive"),
        ("interactive", [PERSON, MADE_BULK, SENT_AS_BULK], "held"),
        ("interactive", [PERSON, PERSON, PERSON, MADE_BULK], None),
        ("interactive", [SENT_AS_BULK] * 4, None),
        ("bulk", [], "bulk"),
        ("bulk", [PERSON, PERSON, SENT_AS_BULK], "bulk"),
        ("bulk", [SENT_AS_BULK, MADE_BULK], "held"),
        ("bulk", [SENT_AS_BULK, SENT_AS_BULK | {"status": "completed"}], "bulk"),
        ("bulk", [SENT_AS_BULK] * 4, None),
    ],
)
async def test_the_effective_priority(api, asked, rows, expected) -> None:
    """With a quota of four in flight, two of them interactive, and two bulk ones queued."""
    account = await api.account_id(await api.person())
    other = await api.account_id(await api.person())
    for columns in ({"status": "processing"}, *rows):
        owner = account if columns in rows else other
        await put_scene(api, owner, **({"status": "pending"} | columns))
    found = await api.sql(f"SELECT {RULE} AS priority", account, asked, 4, 2, 2)
    assert found[0]["priority"] == expected


async def test_simultaneous_requests_are_counted_one_after_the_other(api) -> None:
    """The second must wait for the first's transaction; a lock timeout turns the wait into an error."""
    account = await api.account_id(await api.person())
    pool = api.services.pool
    async with pool.acquire() as first, pool.acquire() as second, first.transaction():
        assert await first.fetchval(f"SELECT {RULE}", account, "bulk", 4, 2, 2) == "bulk"
        await second.execute("SET lock_timeout = '10ms'")
        with pytest.raises(asyncpg.LockNotAvailableError):
            await second.fetchval(f"SELECT {RULE}", account, "bulk", 4, 2, 2)
