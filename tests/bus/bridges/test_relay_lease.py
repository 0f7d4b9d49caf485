"""The relay's lease: who acquires it, who loses it, and that a stale owner changes nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from bus.bridges import outbox
from bus.bridges.postgres_errors import UNREACHABLE
from bus.bridges.relay_lease import Lease
from bus.runtime.errors import ConfigurationError, FencedError
from tests.bus.bridge_servers import numbered
from tests.bus.fleet import say

pytestmark = pytest.mark.stack


@pytest.fixture
async def database(fresh_database: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(fresh_database)
    yield connection
    await connection.close()


def lease(url: str, holder: str, lease_s: float = 60) -> Lease:
    return Lease(url, name="test", holder=holder, lease_s=lease_s)


async def fill(database: asyncpg.Connection, rows: int) -> None:
    for number in range(rows):
        await outbox.enqueue(database, [numbered("t", "k", number)])


async def test_rows_are_numbered_oldest_first_and_deleted_up_to_the_cursor(
    fresh_database: str, database: asyncpg.Connection
) -> None:
    await fill(database, 5)
    async with lease(fresh_database, "a") as held:
        await held.acquire()
        await held.advance(0, 3)
        rows = await held.numbered(0, 10, 10**6)
        assert [seq for seq, _ in rows] == [1, 2, 3]
        assert [outbox.load(raw)[0].value for _, raw in rows] == [b"0", b"1", b"2"]
        await held.advance(2, 10)
        assert [seq for seq, _ in await held.numbered(2, 10, 10**6)] == [3, 4, 5]
        assert await database.fetchval("SELECT count(*) FROM outbox") == 3
        assert await database.fetchval("SELECT cursor FROM relay_lease") == 2
        # Limited by bytes: the first row always, then those that fit.
        assert [seq for seq, _ in await held.numbered(2, 10, 1)] == [3]
        assert [seq for seq, _ in await held.numbered(2, 2, 10**6)] == [3, 4]
        assert 0 < await held.oldest_s() < 600
        assert await held.depth() == (3, 0)
        await database.execute("UPDATE outbox SET publish_seq = NULL WHERE publish_seq = 5")
        assert await held.depth() == (3, 0)
        await database.execute("UPDATE outbox SET held_for = gen_random_uuid() WHERE publish_seq IS NULL")
        assert await held.depth() == (2, 1)


async def test_a_holder_that_disconnects_is_replaced_at_once(
    fresh_database: str, database: asyncpg.Connection
) -> None:
    async with lease(fresh_database, "b") as standby:
        async with lease(fresh_database, "a") as holder:
            await holder.acquire()
            waiting = asyncio.ensure_future(standby.acquire())
            await _waits_for_lock(database)
            assert not waiting.done()
            died = time.monotonic()
        async with asyncio.timeout(30):  # the deadline is a minute away
            await waiting
        say(f"taken over after {(time.monotonic() - died) * 1000:.1f} ms")
        assert standby.epoch == holder.epoch + 1
        assert await database.fetchval("SELECT holder FROM relay_lease") == "b"


async def test_a_frozen_holder_is_replaced_after_its_deadline(fresh_database: str) -> None:
    async with lease(fresh_database, "a", 1) as frozen, lease(fresh_database, "b", 1) as standby:
        await frozen.acquire()  # keeps its session and its lock, but never renews
        await standby.acquire()
        assert standby.epoch == frozen.epoch + 1
        with pytest.raises(FencedError, match="must end"):
            await frozen.renew()


async def test_a_holder_that_renews_keeps_the_lease(
    fresh_database: str, database: asyncpg.Connection
) -> None:
    # Five times as long as its renewal waits, so that a busy machine is no reason to lose it.
    async with lease(fresh_database, "a", 2) as holder, lease(fresh_database, "b", 2) as standby:
        await holder.acquire()
        waiting = asyncio.ensure_future(standby.acquire())
        for _ in range(12):
            await asyncio.sleep(0.4)
            await holder.renew()
        assert await database.fetchval("SELECT holder FROM relay_lease") == "a"
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_the_log_is_compared_while_the_lease_is_renewed(
    fresh_database: str, database: asyncpg.Connection
) -> None:
    async with lease(fresh_database, "a") as holder:
        await holder.acquire()
        await asyncio.gather(*(holder.renew() for _ in range(5)), holder.require_same_log(1, {}))
        assert await database.fetchval("SELECT epoch FROM relay_lease") == 1


async def test_one_waiter_at_a_time_gets_the_lease(fresh_database: str, database: asyncpg.Connection) -> None:
    leases = [lease(fresh_database, str(number)) for number in range(6)]
    for each in leases:
        await each.__aenter__()
    waiting = {asyncio.ensure_future(each.acquire()): each for each in leases}
    try:
        for epoch in range(1, len(leases) + 1):
            (winner, *more), _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            assert not more
            held = waiting.pop(winner)
            winner.result()
            assert held.epoch == epoch == await database.fetchval("SELECT epoch FROM relay_lease")
            await held.__aexit__()
    finally:
        for task, each in waiting.items():
            task.cancel()
            await each.__aexit__()


async def test_a_resumed_stale_owner_numbers_and_deletes_nothing(
    fresh_database: str, database: asyncpg.Connection
) -> None:
    await fill(database, 4)
    async with lease(fresh_database, "zombie") as stale, lease(fresh_database, "heir") as heir:
        await stale.acquire()
        await stale.advance(0, 2)
        await database.execute("UPDATE relay_lease SET deadline = now()")
        await heir.acquire()
        before = await database.fetch("SELECT * FROM outbox ORDER BY id")
        lease_before = await database.fetchrow("SELECT * FROM relay_lease")
        with pytest.raises(FencedError):
            await stale.advance(2, 10)
        assert await database.fetch("SELECT * FROM outbox ORDER BY id") == before
        assert await database.fetchrow("SELECT * FROM relay_lease") == lease_before
        await heir.advance(0, 10)
        assert [seq for seq, _ in await heir.numbered(0, 10, 10**6)] == [1, 2, 3, 4]


async def test_a_stale_owner_frozen_inside_its_transaction_does_not_block_its_successor(
    fresh_database: str, database: asyncpg.Connection
) -> None:
    async with lease(fresh_database, "zombie", 1) as stale, lease(fresh_database, "heir", 1) as heir:
        await stale.acquire()
        await stale._connection.execute("BEGIN")
        await stale._connection.execute("SELECT * FROM relay_lease FOR UPDATE")
        async with asyncio.timeout(30):
            await heir.acquire()
        with pytest.raises(UNREACHABLE):
            await stale.renew()


async def test_numbers_stay_above_the_cursor_of_a_restored_database(
    fresh_database: str, database: asyncpg.Connection
) -> None:
    await fill(database, 2)
    async with lease(fresh_database, "a") as held:
        await held.acquire()
        await held.advance(100, 10)  # Kafka's cursor; the database is older
        assert [seq for seq, _ in await held.numbered(100, 10, 10**6)] == [101, 102]


async def test_missing_tables_raise_an_error_that_names_the_migration(empty_database: str) -> None:
    async with lease(empty_database, "a") as held:
        with pytest.raises(ConfigurationError, match="ledger migrate"):
            await held.acquire()


async def _waits_for_lock(database: asyncpg.Connection) -> None:
    while not await database.fetchval(  # noqa: ASYNC110 - the state is the server's
        "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database"
        " WHERE locktype = 'advisory' AND NOT granted AND d.datname = current_database()"
    ):
        await asyncio.sleep(0.01)
