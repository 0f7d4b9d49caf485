"""The pool of a process ends with it, also where a task that was given up still holds a connection."""

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
