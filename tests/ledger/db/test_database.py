"""The pool of a process: how it ends, and in which state it hands out its connections."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from pydantic import SecretStr

from bus.bridges.postgres_errors import UNREACHABLE
from bus.runtime.settings import DatabaseSettings
from ledger.db import database

pytestmark = pytest.mark.stack


async def test_a_connection_in_use_does_not_keep_the_process(
    empty_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "CLOSE_S", 0.1)
    held, left = asyncio.Event(), asyncio.Event()

    async def abandoned(pool: asyncpg.Pool) -> None:
        async with pool.acquire() as connection, connection.transaction():
            held.set()
            await left.wait()
            await connection.execute("SELECT 1")

    async with asyncio.timeout(60):  # only turns a hang into a failure
        async with database.open_pool(DatabaseSettings(url=SecretStr(empty_database)), role="test") as pool:
            task = asyncio.create_task(abandoned(pool))
            await held.wait()
        left.set()
        with pytest.raises(UNREACHABLE):
            await task


async def test_a_connection_comes_back_without_a_question_and_without_its_transaction(
    empty_database: str,
) -> None:
    settings = DatabaseSettings(url=SecretStr(empty_database), pool_size=1)
    async with database.open_pool(settings, role="test") as pool, database.connect(settings) as watching:
        async with pool.acquire() as connection:
            pid = connection.get_server_pid()
            await connection.execute("CREATE TABLE kept (id integer)")
            await connection.execute("BEGIN")
            await connection.execute("INSERT INTO kept VALUES (1)")
        last = "SELECT state, query FROM pg_stat_activity WHERE pid = $1"
        assert tuple(await watching.fetchrow(last, pid)) == ("idle", "ROLLBACK")
        assert await pool.fetchval("SELECT count(*) FROM kept") == 0
        assert tuple(await watching.fetchrow(last, pid)) == ("idle", "SELECT count(*) FROM kept")


async def test_a_statement_that_fails_leaves_no_transaction_behind(empty_database: str) -> None:
    settings = DatabaseSettings(url=SecretStr(empty_database), pool_size=1)
    async with database.open_pool(settings, role="test") as pool:
        with pytest.raises(asyncpg.PostgresError):
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("SELECT 1 / 0")
        assert await pool.fetchval("SELECT 1") == 1
