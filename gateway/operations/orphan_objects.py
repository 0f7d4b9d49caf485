"""Finds orphaned objects, which no row will ever name, and has them removed.

Every attempt writes to its own key, so a worker that was killed, fenced or late leaves an object behind. An
object is orphaned only if no row can name it any more: its job has ended with another object or with none, or
there never was such a job. A ledger that lags therefore causes no wrong removal.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import asyncpg
import structlog
from prometheus_client import Counter

from bus.blobs import Blobs
from bus.contract.blob_ref import BlobLocation, owner_of
from ledger.db import leader_turns, restores

EVERY: Final = timedelta(hours=6)
GRACE: Final = timedelta(days=1)
"""No request and no attempt takes as long; a younger object may still be named by a row."""
_FOUND: Final = Counter(
    "sharpstream_orphans_total", "Objects found that no row will ever name; they are removed."
)
_log = structlog.stdlib.get_logger(__name__)

# Pictures go with the photo: a gateway of the last release, which erases it, knows no thumbnail.
_NAMED: Final = {
    "originals": """EXISTS (SELECT FROM scene_generations s WHERE s.id = o.id
        AND s.original_image_url = o.url)""",
    "results": """EXISTS (SELECT FROM scene_generations s WHERE s.id = o.id
        AND (o.url = s.generated_3d_gaussian_url OR s.status IN ('pending', 'processing')
        OR s.original_erased_at IS NULL AND o.url IN (s.photo_url, s.thumbnail_url)))
        OR EXISTS (SELECT FROM scene_renditions r WHERE r.scene_generation_id = o.id
        AND o.url IN (r.photo_url, r.thumbnail_url))""",
    "exports": """EXISTS (SELECT FROM export_jobs e WHERE e.id = o.id
        AND (e.export_file_url = o.url OR e.status IN ('pending', 'processing')))""",
    "uploads": "EXISTS (SELECT FROM uploads u WHERE u.key = o.key)",
}
"""Kind of object -> the condition that its job names it or still may."""
_ENQUEUE: Final = """
INSERT INTO blob_removals (key) SELECT o.key
FROM unnest($1::text[], $2::text[], $3::uuid[]) AS o (key, url, id)
WHERE NOT ({named}) AND NOT EXISTS (SELECT FROM blob_removals r WHERE r.key = o.key)
  AND NOT EXISTS (SELECT FROM restores b WHERE o.id = ANY(b.newer)) RETURNING key"""


class Orphans:
    """Scans the store, a page of keys at a time; one gateway at a time does it."""

    def __init__(self, pool: asyncpg.Pool, store: Blobs, bucket: str, *, grace: timedelta = GRACE) -> None:
        self._pool, self._store, self._bucket, self._grace = pool, store, bucket, grace

    async def sweep(self) -> None:
        """Scan the store if it is this gateway's turn; not while it is open what a restore has put back."""
        if await restores.waits_for_agreement(self._pool):
            return
        if await leader_turns.claim(self._pool, "orphans", EVERY):
            await self.find()

    async def find(self) -> list[str]:
        """Enqueue the orphans for removal and return their keys."""
        found: list[str] = []
        for kind, named in _NAMED.items():
            statement = _ENQUEUE.format(named=named)
            async for page in self._store.pages(f"{kind}/"):
                found += await self._page(statement, page)
        if found:
            _FOUND.inc(len(found))
            _log.warning("orphans_found", count=len(found), first=found[:10])
        return found

    async def _page(self, statement: str, page: Sequence[tuple[str, datetime]]) -> list[str]:
        keys, ids = [], []
        for key, modified in page:
            old = datetime.now(modified.tzinfo) - modified >= self._grace
            if old and (owner := owner_of(key)) is not None:
                keys.append(key)
                ids.append(owner)
        urls = [BlobLocation(self._bucket, key).url for key in keys]
        rows = await self._pool.fetch(statement, keys, urls, ids) if keys else []
        return [row["key"] for row in rows]
