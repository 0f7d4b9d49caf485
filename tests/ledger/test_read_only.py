"""After a failover the name may lead to a read-only server: requests are repeated, nothing ends."""

from __future__ import annotations

import contextlib

import asyncpg
import pytest
from pydantic import SecretStr

from bus.bridges.postgres_errors import PASSING, UNREACHABLE
from bus.runtime.settings import DatabaseSettings
from ledger.db import database

pytestmark = pytest.mark.stack


async def test_connections_to_a_read_only_server_are_replaced(empty_database: str) -> None:
    owner = await asyncpg.connect(empty_database)
    await owner.execute("CREATE TABLE numbers (number int)")
    name = await owner.fetchval("SELECT current_database()")
    settings = DatabaseSettings(url=SecretStr(empty_database), pool_size=2)
    async with database.open_pool(settings, role="tests") as pool:
        await pool.execute("INSERT INTO numbers VALUES (1)")
        await owner.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        await pool.expire_connections()  # as the failover ends them
        for _ in range(3):
            with pytest.raises(PASSING):
                await pool.execute("INSERT INTO numbers VALUES (2)")
        await owner.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        for _ in range(settings.pool_size):  # the pool may have made another connection meanwhile
            with contextlib.suppress(PASSING):
                await pool.execute("INSERT INTO numbers VALUES (3)")
                break
        assert await pool.fetchval("SELECT array_agg(number) FROM numbers") == [1, 3]
    await owner.close()


async def test_the_error_of_a_statement_is_one_that_is_repeated(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    await connection.execute("CREATE TABLE numbers (number int)")
    await connection.execute("SET default_transaction_read_only = on")
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError) as found:
        await connection.execute("INSERT INTO numbers VALUES (1)")
    assert isinstance(found.value, UNREACHABLE)
    await connection.close()
