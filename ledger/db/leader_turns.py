"""Periodic work for one process of many. An unfinished turn is repeated when the next one is due."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg

_CLAIM: Final = """
INSERT INTO chores AS c (name, next_at) VALUES ($1, now() + $2::interval)
ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at WHERE c.next_at <= now() RETURNING name"""


async def claim(pool: asyncpg.Pool, name: str, every: timedelta) -> bool:
    """Claim the turn; return whether this process has it. No other process gets one for ``every``."""
    return await pool.fetchval(_CLAIM, name, every) is not None
