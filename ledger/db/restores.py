"""What is remembered of a database that was put back from a backup, and the lock of a backup that is made.

While `BACKUP` is held nothing is removed from the store: the rows that name the objects are copied already.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

import asyncpg

BACKUP: Final = (0x5348_4152, 0x4241_434B)
"""The advisory lock ("SHAR", "BACK") of the backup that is being made."""
NO_BACKUP: Final = f"""NOT EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid = {BACKUP[0]}
    AND objid = {BACKUP[1]}
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"""  # noqa: S608  (as above)
"""A condition in SQL: no backup of this database is being made."""

_IS_NOTED: Final = "SELECT EXISTS (SELECT FROM restores WHERE id = $1)"
_WAITS: Final = "SELECT EXISTS (SELECT FROM restores WHERE agreed_at IS NULL)"


async def try_lock(connection: asyncpg.Connection) -> bool:
    """Take `BACKUP` for this connection; return whether no other one has it."""
    return bool(await connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", *BACKUP))


async def unlock(connection: asyncpg.Connection) -> None:
    """Release `BACKUP`."""
    await connection.execute("SELECT pg_advisory_unlock($1, $2)", *BACKUP)


async def is_noted(connection: asyncpg.Connection, backup_id: UUID) -> bool:
    """Return whether this database was put back from that backup."""
    return bool(await connection.fetchval(_IS_NOTED, backup_id))


async def waits_for_agreement(where: asyncpg.Pool | asyncpg.Connection) -> bool:
    """Return whether it was put back and the invariants were not found to hold since."""
    return bool(await where.fetchval(_WAITS))
