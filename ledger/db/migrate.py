"""Migrates a database to the newest schema: runs each SQL file of `ledger.db.migrations` once, in order.

Safe beside a running system. A statement that waits for a lock makes all later queries on that table wait
behind it, so it gives up after `LOCK_TIMEOUT_MS` and tries again. Each file is a transaction of its own: its
locks last no longer than itself. Files of indexes, which are built beside the writers, are in none.

Piccolo's own migration runner is not used: it records a migration after committing it, takes no lock, and
cannot express composite keys, identities or indexes over expressions.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from typing import Final

import asyncpg
import structlog

from ledger.db import concurrent_indexes
from ledger.errors import SchemaError

log = structlog.stdlib.get_logger(__name__)

LOCK: Final = 0x5348_4152_5053_5452
"""The advisory lock's key ("SHARPSTR"), which serializes concurrent migrations."""
LOCK_TIMEOUT_MS: Final = 2000
"""How long others' queries may wait behind a migration: much less than a client waits for an answer."""
ATTEMPTS: Final = 100
PAUSE_S: Final = 1.0
"""Between attempts, so that what queued behind the last one runs."""
POLL_S: Final = 0.1
_TRY_LOCK: Final = "SELECT pg_try_advisory_lock($1)"
_APPLIED: Final = "INSERT INTO migrations (name, sha256) VALUES ($1, $2)"
_RECORD: Final = """
CREATE TABLE IF NOT EXISTS migrations (
    name text PRIMARY KEY, sha256 text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
)"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its name without the suffix, and its text."""

    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """Lower-case hex digest of the text, which detects an edit after release."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def declared() -> list[Migration]:
    """Return every migration of this release, oldest first."""
    files = (file for file in resources.files("ledger.db.migrations").iterdir() if file.name.endswith(".sql"))
    return [
        Migration(file.name.removesuffix(".sql"), file.read_text("utf-8"))
        for file in sorted(files, key=lambda file: file.name)
    ]


async def migrate(connection: asyncpg.Connection) -> list[str]:
    """Apply the missing migrations and return their names; safe to repeat, and beside another one.

    A database with newer migrations is left as it is, because each schema works with the previous release's
    code. Raises `SchemaError` where a released migration was edited, or where a lock cannot be had.
    """
    async with _alone(connection):
        missing = await _missing(connection)
        for migration in missing:
            await _apply(connection, migration)
    return [migration.name for migration in missing]


@asynccontextmanager
async def _alone(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Hold the lock for the body, which may be outside a transaction.

    Asked for again and again: who waits for a lock has a snapshot, for whose end a concurrent index waits.
    """
    while not await connection.fetchval(_TRY_LOCK, LOCK):  # noqa: ASYNC110  (another process holds it)
        await asyncio.sleep(POLL_S)
    try:
        yield
    finally:
        if not connection.is_closed():
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    """Apply one file, again where another transaction was in the way."""
    for left in reversed(range(ATTEMPTS)):
        try:
            if concurrent_indexes.is_marked(migration.sql):
                await concurrent_indexes.run(connection, migration.sql)
                await connection.execute(_APPLIED, migration.name, migration.sha256)
            else:
                await _in_transaction(connection, migration)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if not left:
                raise SchemaError(
                    f"The migration {migration.name} could not get its locks: another transaction lasts too"
                    " long. Find it in pg_stat_activity (its xact_start), end it, and migrate again."
                ) from error
            log.warning("migration_waits", migration=migration.name, error=str(error))
            await asyncio.sleep(PAUSE_S)
        else:
            return


async def _in_transaction(connection: asyncpg.Connection, migration: Migration) -> None:
    async with connection.transaction():
        await connection.execute("SET LOCAL client_min_messages = warning")
        await connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        await connection.execute(migration.sql)
        await connection.execute(_APPLIED, migration.name, migration.sha256)


async def _missing(connection: asyncpg.Connection) -> list[Migration]:
    async with connection.transaction():
        await connection.execute("SET LOCAL client_min_messages = warning")  # IF NOT EXISTS sends notices
        await connection.execute(_RECORD)
    applied = {row["name"]: row["sha256"] for row in await connection.fetch("SELECT * FROM migrations")}
    known = declared()
    for migration in known:
        if applied.get(migration.name, migration.sha256) != migration.sha256:
            raise SchemaError(
                f"The migration {migration.name} was edited after it was applied; undo that and add a file."
            )
    return [migration for migration in known if migration.name not in applied]


async def check(connection: asyncpg.Connection) -> None:
    """Raise `SchemaError` unless every migration of this release is applied; newer ones are allowed."""
    present = await connection.fetchval("SELECT to_regclass('migrations')")
    rows = await connection.fetch("SELECT name FROM migrations") if present else []
    if missing := {migration.name for migration in declared()} - {row["name"] for row in rows}:
        raise SchemaError(f"The database lacks {sorted(missing)}; run `python -m ledger migrate` first.")
