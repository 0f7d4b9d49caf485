"""Renditions and thumbnails of scenes without inference's: failed, cancelled, long in the queue, or older.

Made when a scene is asked for, from the original, with a share of the decoding for each account. Everybody
sees them and never the original: they are upright, sRGB, shown by every browser, and say nothing of places or
people.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg
import structlog

from bus.blobs import Blobs
from bus.contract.blob_ref import BlobLocation
from bus.contract.limits import MAX_PHOTO_BYTES
from bus.runtime.errors import PermanentError, SharpstreamError
from gateway.errors import DomainError
from gateway.scenes.photo_reader import PhotoReader
from gateway.scenes.repository import SceneRow, key_of
from photo.rendition import MEDIA_TYPE, SUFFIX

ENDED: Final = frozenset({"completed", "failed", "cancelled"})
"""The final states of a scene."""
AT_ONCE: Final = 2
"""Originals in memory at once, each up to 50 MiB."""
WAITING: Final = 16
"""Requests that wait for their turn; the others show no photo this time."""
WITHIN_S: Final = 10.0
"""After that the answer has no photo; the next one may."""
BY_INFERENCE: Final = timedelta(seconds=15)
"""A scene that is made within this time gets its rendition from inference, at no cost here."""
# FOR SHARE: an erasure in flight is waited for, and then seen.
_ADD: Final = """
INSERT INTO scene_renditions (scene_generation_id, photo_url, thumbnail_url, created_at)
SELECT id, $2, $3, now() FROM scene_generations
WHERE id = $1 AND deleted_at IS NULL AND original_erased_at IS NULL FOR SHARE
ON CONFLICT DO NOTHING RETURNING scene_generation_id"""
_ADDED: Final = "SELECT photo_url, thumbnail_url FROM scene_renditions WHERE scene_generation_id = $1"
_OWNER: Final = "SELECT user_id FROM scene_generations WHERE id = $1"
_log = structlog.stdlib.get_logger(__name__)


class Stored(NamedTuple):
    """The ``s3://`` URLs of a scene's rendition and thumbnail; None where there is none."""

    rendition: str | None = None
    thumbnail: str | None = None


_NONE: Final = Stored()


def known(row: SceneRow) -> Stored:
    """Return what there is of the scene; it goes with the original.

    Scenes of earlier releases have a rendition without a thumbnail.
    """
    if row.original_erased_at:
        return _NONE
    return Stored(row.photo_url or row.rendition_url, row.thumbnail_url or row.own_thumbnail_url)


class Renditions:
    """The ``scene_renditions`` table, and the making of its rows."""

    def __init__(self, pool: asyncpg.Pool, blobs: Blobs, bucket: str, photos: PhotoReader) -> None:
        self._pool, self._blobs, self._bucket, self._photos = pool, blobs, bucket, photos
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._accounts: set[UUID] = set()
        """Accounts with one in flight: one at a time each."""

    async def of(self, row: SceneRow) -> Stored:
        """Return the scene's rendition and thumbnail, made now if there is no rendition.

        Never raises because of the photo or the store: a scene is shown without it.
        """
        found = known(row)
        waits = row.status not in ENDED and datetime.now(UTC) - row.created_at < BY_INFERENCE
        if found.rendition or row.rendition_tried or row.original_erased_at or waits:
            return found
        owner = await self._pool.fetchval(_OWNER, row.id)
        if owner in self._accounts or len(self._accounts) >= WAITING:
            return _NONE
        self._accounts.add(owner)
        try:
            async with asyncio.timeout(WITHIN_S), self._turns:
                return await self._made(row, owner)
        except (TimeoutError, SharpstreamError, OSError) as error:
            _log.warning("rendition_missing", generation_id=str(row.id), error=str(error))
            return _NONE
        finally:
            self._accounts.discard(owner)

    async def _made(self, row: SceneRow, owner: UUID) -> Stored:
        try:
            original, _ = await self._blobs.read(key_of(row.original_image_url), most=MAX_PHOTO_BYTES)
            made = await self._photos.pictures(original, owner)
        except (PermanentError, DomainError):  # the photo is gone, or it is none: that stays so
            await self._pool.fetchval(_ADD, row.id, None, None)
            return _NONE
        keys = [f"results/{row.id}/{secrets.token_hex(16)}{SUFFIX}" for _ in made]
        await asyncio.gather(
            *(self._blobs.put(*each, MEDIA_TYPE, owner=owner) for each in zip(keys, made, strict=True))
        )
        stored = Stored(*(BlobLocation(self._bucket, key).url for key in keys))
        if await self._pool.fetchval(_ADD, row.id, *stored) is not None:
            return stored
        with suppress(SharpstreamError):  # another gateway was first, or the scene was deleted
            for key in keys:
                await self._blobs.delete(key)
        found = await self._pool.fetchrow(_ADDED, row.id)
        return Stored(*found) if found else _NONE
