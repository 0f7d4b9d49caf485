"""Periodic work for one process of many, and work that is done once.

An unfinished turn is repeated when the next one is due.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg

_CLAIM: Final = """
INSERT INTO chores AS c (name, next_at) VALUES ($1, now() + $2::interval)
ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at WHERE c.next_at <= now() RETURNING name"""

_DONE: Final = "SELECT true FROM chores WHERE name = $1"
_NOTE_DONE: Final = "INSERT INTO chores (name, next_at) VALUES ($1, 'infinity') ON CONFLICT DO NOTHING"


async def is_done(where: asyncpg.Pool | asyncpg.Connection, name: str) -> bool:
    """Return whether the work of this name was noted as done."""
    return await where.fetchval(_DONE, name) is not None


async def note_done(where: asyncpg.Pool | asyncpg.Connection, name: str) -> None:
    """Note that the work of this name is done, for ever; in the caller's transaction if it has one."""
    await where.execute(_NOTE_DONE, name)


async def claim(pool: asyncpg.Pool, name: str, every: timedelta) -> bool:
    """Claim the turn; return whether this process has it. No other process gets one for ``every``."""
    return await pool.fetchval(_CLAIM, name, every) is not None
