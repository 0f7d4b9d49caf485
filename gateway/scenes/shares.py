"""Shares: links that show one scene without an account until they expire.

A share lives no longer than its scene and its account: every statement joins both, and deletion removes it.
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
from ledger.db.queries import NOW, columns_of, names_of, run, run_one
from ledger.db.tables.scenes import SceneGeneration
from ledger.db.tables.shares import Share

MOST: Final = 100
"""Live shares of one scene."""
OF_KEYS: Final = timedelta(days=30)
"""The longest share that an API key makes; it never outlives the key's own end."""
# Waits for a revocation in flight, which then ends this share or finds the key in use no more.
_KEY: Final = """
SELECT expires_at FROM api_keys
WHERE id = $1 AND status = 'active' AND (expires_at IS NULL OR expires_at > now()) FOR SHARE"""
_FORM: Final = re.compile("[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareRow:
    """One row of ``shares`` without its secret."""

    id: UUID
    scene_generation_id: UUID
    created_at: datetime
    expires_at: datetime


_COLUMNS: Final = columns_of(Share, ShareRow)
_OF_SCENE: Final = SceneGeneration.id.join_on(Share.scene_generation_id)
"""The shares of a scene, joined to a query of scenes."""
# Piccolo's INSERT takes values only; this one counts as it writes.
_MAKE: Final = f"""
INSERT INTO shares (id, scene_generation_id, token_hash, created_at, expires_at, api_key_id)
SELECT $1, $2, $3, now(), least(now() + $4, $5), $6
WHERE (SELECT count(*) FROM shares WHERE scene_generation_id = $2 AND expires_at > now()) < {MOST}
RETURNING {names_of(ShareRow)}"""  # noqa: S608  (constants)


class Shares:
    """The ``shares`` table; ``hasher`` keys the hashes of the tokens."""

    def __init__(self, pool: asyncpg.Pool, hasher: ApiKeys) -> None:
        self._pool, self._hasher = pool, hasher

    async def make(
        self, account_id: UUID, generation_id: UUID, *, lasting: timedelta, api_key_id: UUID | None = None
    ) -> tuple[ShareRow, str]:
        """Share the account's completed scene; return the share and its token, which is not stored.

        A share of an API key is shortened to `OF_KEYS` and to the key's own end. Raises `DomainError`
        not_found, scene_unfinished, shares_exhausted, api_key_revoked.
        """
        token, until = secrets.token_urlsafe(32), None
        async with self._pool.acquire() as connection, connection.transaction():
            if api_key_id is not None:
                key = await connection.fetchrow(_KEY, api_key_id)
                if key is None:
                    raise DomainError("api_key_revoked", "The API key was revoked; make a new one.")
                lasting, until = min(lasting, OF_KEYS), key["expires_at"]
            scene = await run_one(
                connection,
                SceneGeneration.select(SceneGeneration.status)
                .where(
                    SceneGeneration.id == generation_id,
                    SceneGeneration.user_id == account_id,
                    SceneGeneration.deleted_at.is_null(),
                    SceneGeneration.user_id._.is_active.eq(True),
                )
                # A deletion waits for the new row, or this waits for the deletion and finds no scene.
                .lock_rows("NO KEY UPDATE", of=(SceneGeneration,)),
            )
            if scene is None:
                raise DomainError("not_found", "You have no scene with this id.")
            status = scene["status"]
            if status != "completed":
                raise DomainError(
                    "scene_unfinished",
                    f"Only a completed scene can be shared; this one is {status}.",
                    status=status,
                )
            hashed = self._hasher.hash(token)
            row = await connection.fetchrow(
                _MAKE, new_id(), generation_id, hashed, lasting, until, api_key_id
            )
        if row is None:
            raise DomainError(
                "shares_exhausted", f"The scene has {MOST} live shares; delete one of them.", limit=MOST
            )
        return ShareRow(**row), token

    async def of_scene(self, generation_id: UUID) -> list[ShareRow]:
        """Return the live shares of a scene, newest first; the caller has checked who owns it."""
        rows = await run(
            self._pool,
            Share.select(*_COLUMNS)
            .where(Share.scene_generation_id == generation_id, Share.expires_at > NOW)
            .order_by(Share.created_at, Share.id, ascending=False),
        )
        return [ShareRow(**row) for row in rows]

    async def end(self, account_id: UUID, share_id: UUID) -> bool:
        """Delete the account's share; return whether there was one."""
        scenes = SceneGeneration.select(SceneGeneration.id).where(
            SceneGeneration.user_id == account_id, SceneGeneration.deleted_at.is_null()
        )
        gone = await run(
            self._pool,
            Share.delete()
            .where(Share.id == share_id, Share.scene_generation_id.is_in(scenes))
            .returning(Share.id),
        )
        return bool(gone)

    async def open(self, token: str) -> tuple[SceneRow, datetime] | None:
        """Return the scene that the token shows and when it expires; None where the share is not live."""
        if _FORM.fullmatch(token) is None:
            return None
        row = await run_one(
            self._pool,
            SceneGeneration.select(*COLUMNS, _OF_SCENE.expires_at.as_alias("expires_at")).where(
                _OF_SCENE.token_hash == self._hasher.hash(token),
                _OF_SCENE.expires_at > NOW,
                SceneGeneration.deleted_at.is_null(),
                SceneGeneration.user_id._.is_active.eq(True),
            ),
        )
        if row is None:
            return None
        expires_at = row.pop("expires_at")
        return SceneRow(**row), expires_at

    async def sweep(self) -> None:
        """Delete expired shares."""
        await run(self._pool, Share.delete().where(Share.expires_at < NOW))
