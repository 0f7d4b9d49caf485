"""The invariants are checked at intervals, range by range; metrics show exceptions and failures."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from ledger import invariant_ranges, invariants
from ledger.invariant_monitor import inspect
from ledger.invariant_ranges import check_due, results
from tests.gateway.conftest import until

HOUR = timedelta(hours=1)
RULE = "what_is_to_go_goes"
LATE = """
INSERT INTO blob_removals (key, created_at)
SELECT 'a' || n, now() - interval '2 days' FROM generate_series(1, 10) AS n"""


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"sharpstream_ledger_{name}", labels)


def exceptions(rule: str) -> float | None:
    return sample("exceptions", rule=rule)


@asynccontextmanager
async def monitoring(pool: asyncpg.Pool, every_s: float):
    task = asyncio.create_task(inspect(pool, every_s=every_s))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def found(pool: asyncpg.Pool, rule: str = RULE) -> int | None:
    return next((each.count for each in await results(pool) if each.rule == rule), None)


async def test_violations_are_counted_until_they_are_repaired(pool):
    await pool.execute("INSERT INTO blob_removals (key, created_at) VALUES ('a', now() - interval '2 days')")
    began = time.time()
    with capture_logs() as logs:
        async with monitoring(pool, 0.05):
            await until(lambda: exceptions(RULE) == 1)
            assert exceptions("one_ending_a_generation") == 0
            await pool.execute("DELETE FROM blob_removals")
            await until(lambda: exceptions(RULE) == 0)
    (first, *_) = [each for each in logs if each["event"] == "invariant_violated"]
    assert (first["rule"], first["count"], first["ids"]) == (RULE, 1, ["a"])
    assert all(
        (sample("checked_timestamp_seconds", rule=rule) or 0) >= began - 1 for rule in invariants.RULES
    )


async def test_each_range_adds_to_what_was_found(pool):
    await pool.execute(LATE)
    assert sorted(await check_due(pool, HOUR, size=3)) == sorted(invariants.RULES)
    assert await found(pool) == 10
    assert await check_due(pool, HOUR, size=3) == [], "an hour has not passed"


async def test_a_check_goes_on_where_it_was_after_a_restart(pool, monkeypatch):
    await pool.execute(LATE)
    real, read = invariants.exceptions, []

    async def stopped(connection, rule, after, end):
        if rule.table == "blob_removals":
            read.append((after, end))
            if len(read) == 3:
                raise asyncio.CancelledError
        return await real(connection, rule, after, end)

    monkeypatch.setattr(invariants, "exceptions", stopped)
    with pytest.raises(asyncio.CancelledError):
        await check_due(pool, HOUR, size=3)
    assert await found(pool) is None, "it is not complete"
    assert RULE in await check_due(pool, HOUR, size=3)
    assert await found(pool) == 10
    assert [int(end) for _, end in read] == [3, 6, 9, 9, 10], "the first ranges were not read again"


async def test_a_range_that_takes_too_long_is_reported_and_halved(pool, monkeypatch):
    await pool.execute(LATE)
    monkeypatch.setattr(invariant_ranges, "FEWEST", 2)
    real, before = invariants.exceptions, sample("checks_failed_total", reason="timeout") or 0

    async def slow(connection, rule, after, end):
        if rule.table == "blob_removals" and int(end) - max(int(after), 0) > 3:
            await connection.execute("SELECT pg_sleep(60)")
        return await real(connection, rule, after, end)

    monkeypatch.setattr(invariants, "exceptions", slow)
    with capture_logs() as logs:
        assert RULE in await check_due(pool, HOUR, longest_s=0.3, size=8)
    assert await found(pool) == 10
    halved = [each["range_rows"] for each in logs if each["event"] == "invariant_range_too_slow"]
    assert halved[:2] == [4, 2]
    assert (sample("checks_failed_total", reason="timeout") or 0) == before + len(halved)


@pytest.mark.parametrize("reason", ["timeout", "error"])
async def test_a_rule_that_fails_stays_due_and_hinders_no_other(pool, monkeypatch, reason):
    await pool.execute(LATE)
    real, before = invariants.exceptions, sample("checks_failed_total", reason=reason) or 0

    async def failing(connection, rule, after, end):
        if rule.table == "blob_removals":
            await connection.execute("SELECT pg_sleep(60)" if reason == "timeout" else "SELECT 1 / 0")
        return await real(connection, rule, after, end)

    monkeypatch.setattr(invariants, "exceptions", failing)
    with capture_logs() as logs:
        done = await check_due(pool, HOUR, longest_s=0.1, size=10)
    assert sorted([*done, RULE]) == sorted(invariants.RULES)
    assert await found(pool) is None
    assert (sample("checks_failed_total", reason=reason) or 0) == before + 1
    event = "invariant_range_too_slow" if reason == "timeout" else "invariant_not_checked"
    assert [each["rule"] for each in logs if each["event"] == event] == [RULE]
    monkeypatch.setattr(invariants, "exceptions", real)
    assert await check_due(pool, HOUR, size=10) == [RULE]


async def test_two_ledgers_share_the_rules(pool):
    await pool.execute(LATE)
    both = await asyncio.gather(check_due(pool, HOUR, size=2), check_due(pool, HOUR, size=2))
    while left := await check_due(pool, HOUR, size=2):
        both.append(left)
    assert sorted(rule for done in both for rule in done) == sorted(invariants.RULES), (
        "each is completed once"
    )
    assert await found(pool) == 10


async def test_a_restarted_ledger_shows_the_last_check_at_once(pool):
    await check_due(pool, HOUR)
    await pool.execute(
        "UPDATE invariant_checks SET checked_at = now() - interval '30 minutes', exceptions = 7"
    )
    async with monitoring(pool, 3600):
        await until(lambda: exceptions(RULE) == 7)
        assert time.time() - sample("checked_timestamp_seconds", rule=RULE) > 1700
