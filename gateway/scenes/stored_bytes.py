"""The bytes that an account stores: photos, splats and exports of the scenes that are not deleted.

Counted at most once a minute for each account by each gateway, and what is accepted meanwhile is added. So an
account may pass its quota by what several gateways accept in a minute.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from gateway.errors import DomainError

REMEMBERED_S: Final = 60.0
MOST_REMEMBERED: Final = 10_000
GIB: Final = 1024**3
_STORED: Final = """
SELECT coalesce(sum(CASE WHEN s.original_erased_at IS NULL
                         THEN coalesce((s.metadata #>> '{image,bytes}')::bigint, 0) ELSE 0 END
                    + CASE WHEN s.result_erased_at IS NULL
                           THEN coalesce((s.result_blob ->> 'bytes')::bigint, 0) ELSE 0 END
                    + coalesce(e.bytes, 0)), 0)::bigint
FROM scene_generations s
LEFT JOIN LATERAL (SELECT sum(j.stored_bytes) AS bytes FROM export_jobs j
                   WHERE j.scene_generation_id = s.id AND j.erased_at IS NULL) e ON true
WHERE s.user_id = $1 AND s.deleted_at IS NULL"""


@dataclass(kw_only=True, slots=True)
class _Known:
    until: float
    size: int


class StoredBytes:
    """Counts what accounts store."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._known: dict[UUID, _Known] = {}

    async def require_room(self, account_id: UUID, most: int) -> None:
        """Raise `DomainError` storage_exhausted where the account stores ``most`` bytes or more."""
        known = self._known.get(account_id)
        if known is None or known.until <= time.monotonic():
            known = await self._count(account_id)
        if known.size >= most:
            self._known.pop(account_id)  # the next request sees what was deleted meanwhile
            raise DomainError(
                "storage_exhausted",
                f"The account stores {most / GIB:g} GiB, its quota; delete scenes, or ask an admin for more.",
                limit=most,
            )

    async def count(self, account_id: UUID) -> int:
        """Return the bytes that the account stores, counted a minute ago at most."""
        known = self._known.get(account_id)
        if known is None or known.until <= time.monotonic():
            known = await self._count(account_id)
        return known.size

    def add(self, account_id: UUID, size: int) -> None:
        """Add what was accepted since the account was counted."""
        known = self._known.get(account_id)
        if known is not None:
            known.size += size

    async def _count(self, account_id: UUID) -> _Known:
        began = time.monotonic()
        size: int = await self._pool.fetchval(_STORED, account_id)
        took = time.monotonic() - began
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        # A large account is counted more seldom: at most a hundredth of the time goes into it.
        until = time.monotonic() + max(REMEMBERED_S, 100 * took)
        known = self._known[account_id] = _Known(until=until, size=size)
        return known
