"""Opens Postgres: one pool per process, on which Piccolo's queries and plain SQL both run.

`ledger.db.queries.run` gives a Piccolo query the pool or a connection; no table is bound to a database.
JSON columns come back as text: Piccolo expects that, and most readers pass it on unparsed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import asyncpg

from bus.bridges.postgres_errors import UNREACHABLE, tls_sentence
from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import DatabaseSettings

CLOSE_S: Final = 10.0
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
        await close(pool)


async def close(pool: asyncpg.Pool) -> None:
    """Close the pool; connections that are still in use after `CLOSE_S` are cut.

    asyncpg waits for ever for a task that was given up and holds a connection: a fenced process would stay.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_S):
            await pool.close()  # cancelled, it cuts what is left


async def _create(settings: DatabaseSettings, role: str) -> asyncpg.Pool:
    options: dict[str, Any] = {
        "dsn": settings.url.get_secret_value(),
        "min_size": 1,
        "max_size": settings.pool_size,
        "timeout": 10,  # seconds to connect
        "command_timeout": 60,  # seconds per statement; none here should take one second
        "server_settings": {"application_name": f"sharpstream-{role}", "timezone": "UTC"},
        "setup": _writable,
        "reset": _as_it_is,
    }
    try:
        return await asyncpg.create_pool(**options)
    except (*UNREACHABLE, asyncpg.PostgresError, ValueError) as error:
        raise _unreachable(error) from error


async def _writable(connection: asyncpg.Connection) -> None:
    """Raise `ReadOnlySQLTransactionError` for a connection to a standby, which the pool then closes.

    The server reports both settings by itself, so this asks nothing. Without it the connections made during a
    failover, while the name still led to the former primary, would fail for as long as the process runs.
    """
    settings = connection.get_settings()
    if "on" in {getattr(settings, name, "off") for name in _STANDBY}:
        raise asyncpg.ReadOnlySQLTransactionError("The server is read-only: a standby, or a failover is on.")


async def _as_it_is(_connection: asyncpg.Connection) -> None:
    """Ask nothing of a connection that goes back to the pool, whose open transaction has been rolled back.

    By default asyncpg sends four statements, as many round trips as requests have of their own. What is said
    of a session here (a setting, a lock, a listener) is taken back by who said it: `Connection.reset`.
    """


@asynccontextmanager
async def connect(settings: DatabaseSettings) -> AsyncIterator[asyncpg.Connection]:
    """Open one connection without a pool, for commands that run once. Raises `ConfigurationError`."""
    try:
        connection = await asyncpg.connect(settings.url.get_secret_value(), timeout=10)
    except (*UNREACHABLE, asyncpg.PostgresError, ValueError) as error:
        raise _unreachable(error) from error
    try:
        yield connection
    finally:
        await connection.close()


async def require_tls(settings: DatabaseSettings) -> None:
    """Raise `ConfigurationError` where Postgres and DATABASE_URL do not agree about TLS.

    For a process that waits for a Postgres that is away: this it would wait for in vain.
    """
    with suppress(*UNREACHABLE, asyncpg.PostgresError):
        try:
            connection = await asyncpg.connect(settings.url.get_secret_value(), timeout=10)
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            if said := tls_sentence(error):
                raise ConfigurationError(said) from error
        else:
            await connection.close()


def _unreachable(error: Exception) -> ConfigurationError:
    return ConfigurationError(tls_sentence(error) or f"Postgres does not answer at DATABASE_URL: {error}")
