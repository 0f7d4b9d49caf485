"""Work for one process of many, now and then. A turn that its owner did not finish comes round again."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import asyncpg

_CLAIM: Final = """
INSERT INTO chores AS c (name, next_at) VALUES ($1, now() + $2::interval)
ON CONFLICT (name) DO UPDATE SET next_at = excluded.next_at WHERE c.next_at <= now() RETURNING name"""


async def claim(pool: asyncpg.Pool, name: str, every: timedelta) -> bool:
    """Return whether it is this process's turn; nobody else has one for ``every`` then."""
    return await pool.fetchval(_CLAIM, name, every) is not None
