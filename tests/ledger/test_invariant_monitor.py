"""The invariants are checked at intervals, and exceptions to them are shown by a metric."""

from __future__ import annotations

import asyncio

import asyncpg
from prometheus_client import REGISTRY

from ledger.invariant_monitor import inspect
from tests.gateway.conftest import until


def exceptions(rule: str) -> float | None:
    return REGISTRY.get_sample_value("sharpstream_ledger_exceptions", {"rule": rule})


async def test_violations_are_counted_until_they_are_repaired(fresh_database):
    rule = "what_is_to_go_goes"
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=2) as pool:
        await pool.execute(
            "INSERT INTO blob_removals (key, created_at) VALUES ('a', now() - interval '2 days')"
        )
        monitoring = asyncio.create_task(inspect(pool, every_s=0.05))
        try:
            await until(lambda: exceptions(rule) == 1)
            assert exceptions("one_ending_a_generation") == 0
            await pool.execute("DELETE FROM blob_removals")
            await until(lambda: exceptions(rule) == 0)
        finally:
            monitoring.cancel()
