"""Migrates a database to the newest schema: runs each SQL file of `ledger.db.migrations` once, in order.

Piccolo's own migration runner is not used: it records a migration after committing it, takes no lock, and
cannot express composite keys, identities or indexes over expressions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Final

import asyncpg

from ledger.errors import SchemaError

LOCK: Final = 0x5348_4152_5053_5452
"""The advisory lock's key ("SHARPSTR"), which serializes concurrent migrations."""
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
    """Apply the missing migrations in one transaction and return their names; safe when run concurrently.

    A database with newer migrations is left as it is, because each schema works with the previous release's
    code. Raises `SchemaError` where a released migration was edited.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        missing = await _missing(connection)
        for migration in missing:
            await connection.execute(migration.sql)
            await connection.execute(
                "INSERT INTO migrations (name, sha256) VALUES ($1, $2)", migration.name, migration.sha256
            )
    return [migration.name for migration in missing]


async def _missing(connection: asyncpg.Connection) -> list[Migration]:
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
