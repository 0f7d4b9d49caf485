"""Shares: links by which anybody may look at one scene until they expire.

A share lives no longer than its scene and its account: every statement joins both, and deleting removes it.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.ids import new_id
from gateway.accounts.key_hashing import ApiKeys
from gateway.errors import DomainError
from gateway.scenes.repository import COLUMNS, SceneRow

MOST: Final = 100
"""Live shares of one scene."""
_FORM: Final = re.compile("[A-Za-z0-9_-]{43}")
_COLUMNS: Final = "h.id, h.scene_generation_id, h.created_at, h.expires_at"
# The lock: a deletion waits for the new row, or this waits for the deletion and finds nothing.
_SCENE: Final = """
SELECT s.status FROM scene_generations s JOIN users u ON u.id = s.user_id
WHERE s.id = $1 AND s.user_id = $2 AND s.deleted_at IS NULL AND u.is_active FOR NO KEY UPDATE OF s"""
_MAKE: Final = f"""
INSERT INTO shares AS h (id, scene_generation_id, token_hash, created_at, expires_at)
SELECT $1, $2, $3, now(), now() + $4
WHERE (SELECT count(*) FROM shares WHERE scene_generation_id = $2 AND expires_at > now()) < {MOST}
RETURNING {_COLUMNS}"""  # noqa: S608
_OPEN: Final = f"""
SELECT h.expires_at, {COLUMNS} FROM shares h
JOIN scene_generations s ON s.id = h.scene_generation_id JOIN users u ON u.id = s.user_id
WHERE h.token_hash = $1 AND h.expires_at > now() AND s.deleted_at IS NULL AND u.is_active"""  # noqa: S608


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareRow:
    """One row of ``shares`` without its secret."""

    id: UUID
    scene_generation_id: UUID
    created_at: datetime
    expires_at: datetime


class Shares:
    """The ``shares`` table; ``hasher`` keys the hashes of the tokens."""

    def __init__(self, pool: asyncpg.Pool, hasher: ApiKeys) -> None:
        self._pool, self._hasher = pool, hasher

    async def make(
        self, account_id: UUID, generation_id: UUID, *, lasting: timedelta
    ) -> tuple[ShareRow, str]:
        """Share the account's completed scene; return the share and its token, which is kept nowhere.

        Raises `DomainError` not_found, scene_unfinished, shares_exhausted.
        """
        token = secrets.token_urlsafe(32)
        async with self._pool.acquire() as connection, connection.transaction():
            status = await connection.fetchval(_SCENE, generation_id, account_id)
            if status is None:
                raise DomainError("not_found", "You have no scene with this id.")
            if status != "completed":
                raise DomainError(
                    "scene_unfinished",
                    f"Only a completed scene can be shared; this one is {status}.",
                    status=status,
                )
            row = await connection.fetchrow(_MAKE, new_id(), generation_id, self._hasher.hash(token), lasting)
        if row is None:
            raise DomainError(
                "shares_exhausted", f"The scene has {MOST} live shares; delete one of them.", limit=MOST
            )
        return ShareRow(**row), token

    async def of_scene(self, generation_id: UUID) -> list[ShareRow]:
        """Return the live shares of a scene whose owner asks, newest first."""
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM shares h WHERE scene_generation_id = $1 AND expires_at > now()"  # noqa: S608
            " ORDER BY created_at DESC, id DESC",
            generation_id,
        )
        return [ShareRow(**row) for row in rows]

    async def end(self, account_id: UUID, share_id: UUID) -> bool:
        """Delete the account's share; whether there was one."""
        gone = await self._pool.fetchval(
            "DELETE FROM shares h USING scene_generations s WHERE h.id = $1 AND s.id = h.scene_generation_id"
            " AND s.user_id = $2 AND s.deleted_at IS NULL RETURNING h.id",
            share_id,
            account_id,
        )
        return gone is not None

    async def open(self, token: str) -> tuple[SceneRow, datetime] | None:
        """Return the scene that the token shows and when that ends; None for whatever is not live."""
        if _FORM.fullmatch(token) is None:
            return None
        row = await self._pool.fetchrow(_OPEN, self._hasher.hash(token))
        if row is None:
            return None
        columns = dict(row)
        return SceneRow(**{name: columns[name] for name in SceneRow.__slots__}), columns["expires_at"]

    async def sweep(self) -> None:
        """Forget shares that have run out."""
        await self._pool.execute("DELETE FROM shares WHERE expires_at < now()")
