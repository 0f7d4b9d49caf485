"""Opens Postgres: one pool per process, on which Piccolo's queries and plain SQL both run.

`ledger.db.queries.run` gives a Piccolo query the pool or a connection; no table is bound to a database.
JSON columns come back as text: Piccolo expects that, and most readers pass it on unparsed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg

from bus.bridges.postgres_errors import UNREACHABLE
from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import DatabaseSettings

_STANDBY: Final = ("in_hot_standby", "default_transaction_read_only")


@asynccontextmanager
async def open_pool(settings: DatabaseSettings, *, role: str) -> AsyncIterator[asyncpg.Pool]:
    """Open the process's pool; it is closed with the context.

    Postgres shows ``role`` as the application's name. Raises `ConfigurationError` where the database cannot
    be reached or refuses the connection, so that the process stops instead of failing every request.
    """
    pool = await _create(settings, role)
    try:
        yield pool
    finally:
        await pool.close()


async def _create(settings: DatabaseSettings, role: str) -> asyncpg.Pool:
    options: dict[str, Any] = {
        "dsn": settings.url.get_secret_value(),
        "min_size": 1,
        "max_size": settings.pool_size,
        "timeout": 10,  # seconds to connect
        "command_timeout": 60,  # seconds per statement; none here should take one second
        "server_settings": {"application_name": f"sharpstream-{role}", "timezone": "UTC"},
        "setup": _writable,
    }
    try:
        return await asyncpg.create_pool(**options)
    except (*UNREACHABLE, asyncpg.PostgresError, ValueError) as error:
        raise ConfigurationError(f"Postgres does not answer at DATABASE_URL: {error}") from error


async def _writable(connection: asyncpg.Connection) -> None:
    """Raise `ReadOnlySQLTransactionError` for a connection to a standby, which the pool then closes.

    The server reports both settings by itself, so this asks nothing. Without it the connections made during a
    failover, while the name still led to the former primary, would fail for as long as the process runs.
    """
    settings = connection.get_settings()
    if "on" in {getattr(settings, name, "off") for name in _STANDBY}:
        raise asyncpg.ReadOnlySQLTransactionError("The server is read-only: a standby, or a failover is on.")


@asynccontextmanager
async def connect(settings: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    """Open one connection without a pool, for commands that run once. Raises `ConfigurationError`."""
    try:
        connection = await asyncpg.connect(settings.url.get_secret_value(), timeout=10)
    except (*UNREACHABLE, asyncpg.PostgresError, ValueError) as error:
        raise ConfigurationError(f"Postgres does not answer at DATABASE_URL: {error}") from error
    try:
        yield connection
    finally:
        await connection.close()
