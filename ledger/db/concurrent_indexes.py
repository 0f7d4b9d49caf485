"""Builds indexes without a lock that stops writers: ``CREATE INDEX CONCURRENTLY``, outside of a transaction.

A build that was cut off leaves an index behind that is kept up to date and used by no query. Its name is then
taken; it is dropped and built anew. One that was finished, but not recorded, is left as it is.
"""

from __future__ import annotations

import re
from typing import Final

import asyncpg

from ledger.errors import SchemaError

MARK: Final = "-- outside a transaction"
"""The first line of a migration of such statements alone."""
_COMMENT: Final = re.compile(r"--[^\n]*")
_CREATE: Final = re.compile(r"CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?!IF\b)([a-z_0-9]+) ON ")
_DROP: Final = re.compile(r"DROP INDEX CONCURRENTLY IF EXISTS [a-z_0-9]+$")
_STATE: Final = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass($1)"


def is_marked(sql: str) -> bool:
    """Return whether the migration runs outside a transaction."""
    return sql.startswith(MARK)


def statements(sql: str) -> list[tuple[str, str | None]]:
    """Return each statement with the name of the index that it creates.

    Raises `SchemaError` for any other statement: it could not be repeated after a kill.
    """
    found: list[tuple[str, str | None]] = []
    for statement in filter(None, map(str.strip, _COMMENT.sub("", sql).split(";"))):
        flat = " ".join(statement.split())
        created = _CREATE.match(flat)
        if created is None and _DROP.fullmatch(flat) is None:
            raise SchemaError(
                f"A migration outside a transaction creates or drops indexes CONCURRENTLY only, not: {flat}"
            )
        found.append((statement, created[1] if created else None))
    return found


async def run(connection: asyncpg.Connection, sql: str) -> None:
    """Run the statements, each in its own transaction; safe to repeat after a kill at any point."""
    for statement, index in statements(sql):
        valid = None if index is None else await connection.fetchval(_STATE, index)
        if valid:
            continue
        if valid is False:
            await connection.execute(f'DROP INDEX CONCURRENTLY "{index}"')
        await connection.execute(statement)
