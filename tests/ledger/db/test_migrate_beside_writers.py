"""Migrations beside a running system: they hold nobody up, and a kill at any point is repaired."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from bus.bridges.postgres_errors import UNREACHABLE
from ledger.db import concurrent_indexes
from ledger.db import migrate as runner
from ledger.db.migrate import Migration, migrate
from ledger.errors import SchemaError

pytestmark = pytest.mark.stack
TABLE = Migration("0001_table", "CREATE TABLE things (id int)")
INDEX = Migration(
    "0002_index",
    "-- outside a transaction\n\n-- Two; for lists.\nCREATE INDEX CONCURRENTLY things_id ON things (id);\n"
    "CREATE UNIQUE INDEX CONCURRENTLY things_once\n    ON things (id);\n",
)
STATES = "SELECT indexrelid::regclass::text, indisvalid FROM pg_index WHERE indrelid = 'things'::regclass"
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%things_%'"


@pytest.fixture
async def connections(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[list[asyncpg.Connection]]:
    """Three: the migrating one, another transaction's, and one that watches; the table is there."""
    opened = [await asyncpg.connect(empty_database) for _ in range(3)]
    monkeypatch.setattr("ledger.db.migrate.declared", lambda: [TABLE])
    await migrate(opened[0])
    yield opened
    for connection in opened:
        await connection.close()


async def until_it_waits(watching: asyncpg.Connection) -> None:
    while not await watching.fetchval(WAITING):  # noqa: ASYNC110  (the server's state)
        await asyncio.sleep(0.01)


async def test_an_index_is_built_while_others_write(
    connections: list[asyncpg.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.db.migrate.declared", lambda: [TABLE, INDEX])
    ours, other, watching = connections
    writing = other.transaction()
    await writing.start()
    await other.execute("INSERT INTO things VALUES (1)")
    building = asyncio.create_task(migrate(ours))
    await until_it_waits(watching)
    await watching.execute("INSERT INTO things VALUES (2)")  # not held up by it
    await writing.commit()
    assert await building == [INDEX.name]
    assert dict(await watching.fetch(STATES)) == {"things_id": True, "things_once": True}


async def test_a_build_that_was_cut_off_is_repaired(
    connections: list[asyncpg.Connection], empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.db.migrate.declared", lambda: [TABLE, INDEX])
    ours, other, watching = connections
    writing = other.transaction()
    await writing.start()
    await other.execute("INSERT INTO things VALUES (1)")
    building = asyncio.create_task(migrate(ours))
    await until_it_waits(watching)
    await watching.execute("SELECT pg_terminate_backend($1)", ours.get_server_pid())
    with pytest.raises(UNREACHABLE):
        await building
    await writing.commit()
    assert dict(await watching.fetch(STATES)) == {"things_id": False}  # there, and of no use
    again = await asyncpg.connect(empty_database)
    assert await migrate(again) == [INDEX.name]
    assert dict(await again.fetch(STATES)) == {"things_id": True, "things_once": True}
    await again.close()


async def test_a_build_that_was_finished_but_not_recorded_is_kept(
    connections: list[asyncpg.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.db.migrate.declared", lambda: [TABLE, INDEX])
    ours = connections[0]
    await ours.execute("CREATE INDEX things_id ON things (id)")
    before = await ours.fetchval("SELECT 'things_id'::regclass::oid")
    assert await migrate(ours) == [INDEX.name]
    assert await ours.fetchval("SELECT 'things_id'::regclass::oid") == before


async def test_two_that_build_indexes_at_once_do_not_wait_for_each_other(
    connections: list[asyncpg.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.db.migrate.declared", lambda: [TABLE, INDEX])
    done = await asyncio.gather(*map(migrate, connections))
    assert sorted(map(len, done)) == [0, 0, 1]


async def test_a_migration_gives_way_and_tries_again(
    connections: list[asyncpg.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LOCK_TIMEOUT_MS", 50)
    monkeypatch.setattr(runner, "PAUSE_S", 0.01)
    column = Migration("0002_column", "ALTER TABLE things ADD COLUMN things_name text")
    monkeypatch.setattr("ledger.db.migrate.declared", lambda: [TABLE, column])
    ours, other, watching = connections
    reading = other.transaction()
    await reading.start()
    await other.execute("SELECT FROM things")
    migrating = asyncio.create_task(migrate(ours))
    await until_it_waits(watching)
    await watching.execute("SELECT FROM things", timeout=10)  # waits for one attempt, not for the reader
    assert not migrating.done()
    await reading.commit()
    assert await migrating == [column.name]


async def test_a_migration_that_gets_no_lock_says_why_and_changes_nothing(
    connections: list[asyncpg.Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "LOCK_TIMEOUT_MS", 20)
    monkeypatch.setattr(runner, "PAUSE_S", 0.0)
    monkeypatch.setattr(runner, "ATTEMPTS", 2)
    column = Migration("0002_column", "ALTER TABLE things ADD COLUMN name text")
    monkeypatch.setattr("ledger.db.migrate.declared", lambda: [TABLE, column])
    ours, other, _ = connections
    async with other.transaction():
        await other.execute("SELECT FROM things")
        with pytest.raises(SchemaError, match=r"0002_column.*pg_stat_activity"):
            await migrate(ours)
    assert await migrate(ours) == [column.name]


def test_only_what_can_be_repeated_runs_outside_a_transaction() -> None:
    for bad in ("UPDATE things SET id = 1", "CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON things (id)"):
        with pytest.raises(SchemaError, match="CONCURRENTLY only"):
            concurrent_indexes.statements(f"{concurrent_indexes.MARK}\n{bad};")
    assert concurrent_indexes.statements(INDEX.sql)[1][1] == "things_once"
    assert concurrent_indexes.statements("DROP INDEX CONCURRENTLY IF EXISTS a;") == [
        ("DROP INDEX CONCURRENTLY IF EXISTS a", None)
    ]
