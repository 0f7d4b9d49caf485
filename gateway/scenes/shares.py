"""Shares: links that show one scene without an account until they expire.

A share lives no longer than its scene and its account: every statement joins both, and deletion removes it.
Its token is derived from its id by the pepper, so that its owner can copy the link again and the table alone
opens nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.ids import new_id
from gateway.accounts.key_hashing import ApiKeys
from gateway.errors import DomainError
from gateway.scenes.repository import COLUMNS, SceneRow, result_erased
from ledger.db.queries import NOW, Changes, columns_of, names_of, run, run_one
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
    api_key_id: UUID | None
    show_photo: bool
    allow_download: bool
    embed_origins: Sequence[str]
    opened: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ShareOptions:
    """What a share shows, and the origins of pages that may hold it in a frame; ``*`` is any."""

    show_photo: bool = True
    allow_download: bool = False
    embed_origins: Sequence[str] = ("*",)


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedShare:
    """A live share, seen by its token: the scene, when it ends, and its options."""

    id: UUID
    scene: SceneRow
    expires_at: datetime
    options: ShareOptions


_COLUMNS: Final = columns_of(Share, ShareRow)
_OF_SCENE: Final = SceneGeneration.id.join_on(Share.scene_generation_id)
"""The shares of a scene, joined to a query of scenes."""
_OF_SHARE: Final = {
    "share_id": _OF_SCENE.id,
    "share_expires_at": _OF_SCENE.expires_at,
    "share_pepper": _OF_SCENE.pepper,
}
"""What `Shares.open` needs to know of the share itself."""
# Piccolo's INSERT takes values only; this one counts as it writes.
_MAKE: Final = f"""
INSERT INTO shares (id, scene_generation_id, token_hash, created_at, expires_at, api_key_id, pepper,
                    show_photo, allow_download, embed_origins, opened)
SELECT $1, $2, $3, now(), least(now() + $4, $5), $6, $7, $8, $9, $10, 0
WHERE (SELECT count(*) FROM shares WHERE scene_generation_id = $2 AND expires_at > now()) < {MOST}
RETURNING {names_of(ShareRow)}"""  # noqa: S608  (constants)
_COUNT: Final = """
UPDATE shares s SET opened = s.opened + n.count
FROM unnest($1::uuid[], $2::bigint[]) AS n (id, count) WHERE s.id = n.id"""
_OPTIONS: Final = ("show_photo", "allow_download", "embed_origins")


class Shares:
    """The ``shares`` table; ``hasher`` keys the hashes of the tokens."""

    def __init__(self, pool: asyncpg.Pool, hasher: ApiKeys) -> None:
        self._pool, self._hasher = pool, hasher
        self._opened: Counter[UUID] = Counter()
        """Share -> how often it was opened here since the last sweep."""

    async def make(
        self,
        account_id: UUID,
        generation_id: UUID,
        *,
        lasting: timedelta,
        options: ShareOptions,
        api_key_id: UUID | None = None,
    ) -> tuple[ShareRow, str]:
        """Share the account's completed scene; return the share and its token, which is not stored.

        A share of an API key is shortened to `OF_KEYS` and to the key's own end. Raises `DomainError`
        not_found, scene_unfinished, result_erased, shares_exhausted, api_key_revoked.
        """
        share_id = new_id()
        token = self._tokens(share_id)[0]
        async with self._pool.acquire() as connection, connection.transaction():
            lasting, until = await limited_by_key(connection, api_key_id, lasting)
            scene = await run_one(
                connection,
                SceneGeneration.select(SceneGeneration.status, SceneGeneration.result_erased_at)
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
            if scene["result_erased_at"] is not None:
                raise result_erased()
            new = self._hasher.hashed(token)
            shown = options.show_photo, options.allow_download, list(options.embed_origins)
            row = await connection.fetchrow(
                _MAKE, share_id, generation_id, new.hash, lasting, until, api_key_id, new.pepper, *shown
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

    async def tokens(self, shares: Sequence[ShareRow]) -> dict[UUID, str]:
        """Return the tokens of these shares by id.

        Without those that an earlier release drew at random, or whose pepper is gone.
        """
        if not shares:
            return {}
        rows = await run(
            self._pool,
            Share.select(Share.id, Share.token_hash).where(Share.id.is_in([share.id for share in shares])),
        )
        return {
            row["id"]: token
            for row in rows
            for token in self._tokens(row["id"])
            if row["token_hash"] in self._hasher.hashes(token)
        }

    def _tokens(self, share_id: UUID) -> list[str]:
        return self._hasher.derived(f"share {share_id}")

    def count(self, share_id: UUID) -> None:
        """Count that somebody has opened the share; written within a minute, and lost with the process."""
        self._opened[share_id] += 1

    async def open(self, token: str) -> OpenedShare | None:
        """Return what the token shows; None where the share is not live.

        A share that was hashed with another pepper is hashed anew.
        """
        if _FORM.fullmatch(token) is None:
            return None
        options = [getattr(_OF_SCENE, name).as_alias(name) for name in _OPTIONS]
        row = await run_one(
            self._pool,
            SceneGeneration.select(
                *COLUMNS,
                *(column.as_alias(name) for name, column in _OF_SHARE.items()),
                *options,
            ).where(
                _OF_SCENE.token_hash.is_in(self._hasher.hashes(token)),
                _OF_SCENE.expires_at > NOW,
                SceneGeneration.deleted_at.is_null(),
                SceneGeneration.user_id._.is_active.eq(True),
            ),
        )
        if row is None:
            return None
        share = {name: row.pop(name) for name in _OF_SHARE}
        shown = {name: row.pop(name) for name in _OPTIONS}
        if share["share_pepper"] != self._hasher.number:
            await self._hash_anew(share["share_id"], token)
        return OpenedShare(
            id=share["share_id"],
            scene=SceneRow(**row),
            expires_at=share["share_expires_at"],
            options=ShareOptions(**shown),
        )

    async def _hash_anew(self, share_id: UUID, token: str) -> None:
        new = self._hasher.hashed(token)
        changes: Changes = {Share.token_hash: new.hash, Share.pepper: new.pepper}
        await run(self._pool, Share.update(changes).where(Share.id == share_id))

    async def sweep(self) -> None:
        """Write how often shares were opened, and delete expired ones."""
        opened, self._opened = self._opened, Counter()
        if opened:
            await self._pool.execute(_COUNT, [*opened], [*opened.values()])
        await run(self._pool, Share.delete().where(Share.expires_at < NOW))


async def limited_by_key(
    connection: asyncpg.Connection, api_key_id: UUID | None, lasting: timedelta
) -> tuple[timedelta, datetime | None]:
    """Return how long a link of this API key may last, and until when; a person's (None) is not limited.

    Raises `DomainError` api_key_revoked.
    """
    if api_key_id is None:
        return lasting, None
    key = await connection.fetchrow(_KEY, api_key_id)
    if key is None:
        raise DomainError("api_key_revoked", "The API key was revoked; make a new one.")
    return min(lasting, OF_KEYS), key["expires_at"]
