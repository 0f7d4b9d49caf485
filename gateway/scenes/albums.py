"""Albums: one link that shows several scenes without an account until it expires.

A scene that is deleted, or whose splat retention erased, is shown no more; the others stay. The token is made
as that of a share (`gateway.scenes.shares`).
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
from gateway.scenes.shares import OpenedShare, ShareOptions, limited_by_key
from ledger.db.queries import NOW, Changes, columns_of, names_of, run, run_one
from ledger.db.tables.albums import Album, AlbumScene
from ledger.db.tables.scenes import SceneGeneration

MOST: Final = 100
"""Live albums of one account."""
_FORM: Final = re.compile("[A-Za-z0-9_-]{43}")
# An account's albums are counted in turn; every other statement locks an account before its scenes, too.
_OWNER: Final = "SELECT FROM users WHERE id = $1 AND is_active FOR NO KEY UPDATE"
# A deletion waits for the new rows, or this waits for the deletion and finds no scene.
_SCENES: Final = """
SELECT id, status, result_erased_at FROM scene_generations
WHERE id = ANY($1::uuid[]) AND user_id = $2 AND deleted_at IS NULL ORDER BY id FOR NO KEY UPDATE"""
_LIVE: Final = "SELECT count(*) FROM albums WHERE user_id = $1 AND expires_at > now()"


@dataclass(frozen=True, kw_only=True, slots=True)
class AlbumRow:
    """One row of ``albums`` without its secret."""

    id: UUID
    name: str
    created_at: datetime
    expires_at: datetime
    api_key_id: UUID | None
    show_photo: bool
    allow_download: bool
    opened: int


_COLUMNS: Final = columns_of(Album, AlbumRow)
_MAKE: Final = f"""
INSERT INTO albums (id, user_id, name, token_hash, pepper, created_at, expires_at, api_key_id, show_photo,
                    allow_download, opened)
VALUES ($1, $2, $3, $4, $5, now(), least(now() + $6, $7), $8, $9, $10, 0) RETURNING {names_of(AlbumRow)}"""  # noqa: S608
_FILL: Final = """
INSERT INTO album_scenes (album_id, position, scene_generation_id)
SELECT $1, n, scene FROM unnest($2::uuid[]) WITH ORDINALITY AS s (scene, n)"""
_COUNT: Final = """
UPDATE albums a SET opened = a.opened + n.count
FROM unnest($1::uuid[], $2::bigint[]) AS n (id, count) WHERE a.id = n.id"""
_HELD: Final = """
SELECT a.album_id AS id, count(*) AS scenes
FROM album_scenes a JOIN scene_generations s ON s.id = a.scene_generation_id
WHERE a.album_id = ANY($1::uuid[]) AND s.deleted_at IS NULL AND s.result_erased_at IS NULL
GROUP BY a.album_id"""


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedAlbum:
    """A live album, seen by its token: its owner, its name, and its scenes by their positions."""

    id: UUID
    account_id: UUID
    name: str
    expires_at: datetime
    options: ShareOptions
    scenes: Sequence[tuple[int, SceneRow]]

    def share_of(self, scene: SceneRow) -> OpenedShare:
        """Return one scene of it as a share shows it."""
        return OpenedShare(id=self.id, scene=scene, expires_at=self.expires_at, options=self.options)


class Albums:
    """The tables ``albums`` and ``album_scenes``; ``hasher`` keys the hashes of the tokens."""

    def __init__(self, pool: asyncpg.Pool, hasher: ApiKeys) -> None:
        self._pool, self._hasher = pool, hasher
        self._opened: Counter[UUID] = Counter()
        """Album -> how often it was opened here since the last sweep."""

    async def make(
        self,
        account_id: UUID,
        name: str,
        scenes: Sequence[UUID],
        *,
        lasting: timedelta,
        options: ShareOptions,
        api_key_id: UUID | None = None,
    ) -> tuple[AlbumRow, str]:
        """Share the account's completed scenes in this order; return the album and its token.

        Raises `DomainError`: not_found, scene_unfinished, result_erased, albums_exhausted, api_key_revoked.
        """
        album_id = new_id()
        token = self._tokens(album_id)[0]
        new = self._hasher.hashed(token)
        async with self._pool.acquire() as connection, connection.transaction():
            lasting, until = await limited_by_key(connection, api_key_id, lasting)
            await connection.execute(_OWNER, account_id)
            rows = {row["id"]: row for row in await connection.fetch(_SCENES, list(scenes), account_id)}
            _require_shown(scenes, rows)
            if await connection.fetchval(_LIVE, account_id) >= MOST:
                raise DomainError(
                    "albums_exhausted", f"The account has {MOST} live albums; end one of them.", limit=MOST
                )
            shown = options.show_photo, options.allow_download
            row = await connection.fetchrow(
                _MAKE, album_id, account_id, name, new.hash, new.pepper, lasting, until, api_key_id, *shown
            )
            await connection.execute(_FILL, album_id, list(scenes))
        return AlbumRow(**row), token

    async def of_account(self, account_id: UUID) -> list[tuple[AlbumRow, int]]:
        """Return the account's live albums, newest first, and how many scenes each shows."""
        rows = await run(
            self._pool,
            Album.select(*_COLUMNS)
            .where(Album.user_id == account_id, Album.expires_at > NOW)
            .order_by(Album.created_at, Album.id, ascending=False),
        )
        held = await self._pool.fetch(_HELD, [row["id"] for row in rows])
        counts = {row["id"]: row["scenes"] for row in held}
        return [(AlbumRow(**row), counts.get(row["id"], 0)) for row in rows]

    def token(self, album: AlbumRow) -> str:
        """Return the token of an album."""
        return self._tokens(album.id)[0]

    async def end(self, account_id: UUID, album_id: UUID) -> bool:
        """Delete the account's album; return whether there was one."""
        gone = await run(
            self._pool,
            Album.delete().where(Album.id == album_id, Album.user_id == account_id).returning(Album.id),
        )
        return bool(gone)

    def count(self, album_id: UUID) -> None:
        """Count that somebody has opened the album; written within a minute, and lost with the process."""
        self._opened[album_id] += 1

    async def open(self, token: str) -> OpenedAlbum | None:
        """Return what the token shows; None where the album is not live, or none of its scenes is left."""
        if _FORM.fullmatch(token) is None:
            return None
        row = await run_one(
            self._pool,
            Album.select(*_COLUMNS, Album.user_id, Album.pepper).where(
                Album.token_hash.is_in(self._hasher.hashes(token)),
                Album.expires_at > NOW,
                Album.user_id._.is_active.eq(True),
            ),
        )
        if row is None:
            return None
        if row["pepper"] != self._hasher.number:
            await self._hash_anew(row["id"], token)
        members = await run(
            self._pool,
            AlbumScene.select(AlbumScene.position, AlbumScene.scene_generation_id).where(
                AlbumScene.album_id == row["id"]
            ),
        )
        positions = {each["scene_generation_id"]: each["position"] for each in members}
        found = await run(
            self._pool,
            SceneGeneration.select(*COLUMNS).where(
                SceneGeneration.id.is_in(list(positions) or [row["id"]]),  # no scene has an album's id
                SceneGeneration.deleted_at.is_null(),
                SceneGeneration.result_erased_at.is_null(),
            ),
        )
        scenes = sorted(
            ((positions[each["id"]], SceneRow(**each)) for each in found), key=lambda scene: scene[0]
        )
        if not scenes:
            return None
        return OpenedAlbum(
            id=row["id"],
            account_id=row["user_id"],
            name=row["name"],
            expires_at=row["expires_at"],
            options=ShareOptions(
                show_photo=row["show_photo"], allow_download=row["allow_download"], embed_origins=()
            ),
            scenes=scenes,
        )

    async def sweep(self) -> None:
        """Write how often albums were opened, and delete expired ones."""
        opened, self._opened = self._opened, Counter()
        if opened:
            await self._pool.execute(_COUNT, [*opened], [*opened.values()])
        await run(self._pool, Album.delete().where(Album.expires_at < NOW))

    async def _hash_anew(self, album_id: UUID, token: str) -> None:
        new = self._hasher.hashed(token)
        changes: Changes = {Album.token_hash: new.hash, Album.pepper: new.pepper}
        await run(self._pool, Album.update(changes).where(Album.id == album_id))

    def _tokens(self, album_id: UUID) -> list[str]:
        return self._hasher.derived(f"album {album_id}")


def _require_shown(scenes: Sequence[UUID], rows: dict[UUID, asyncpg.Record]) -> None:
    for each in scenes:
        row = rows.get(each)
        if row is None:
            raise DomainError("not_found", f"You have no scene with the id {each}.", scene_id=str(each))
        if row["status"] != "completed":
            raise DomainError(
                "scene_unfinished",
                f"Only completed scenes can be shared; {each} is {row['status']}.",
                status=row["status"],
                scene_id=str(each),
            )
        if row["result_erased_at"] is not None:
            raise result_erased()
