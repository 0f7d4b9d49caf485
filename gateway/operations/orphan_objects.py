"""Finds objects that no row will ever name, and has them removed: what became of attempts that lost.

Every attempt writes to a key of its own, so a worker that was killed, fenced or late leaves an object behind.
One counts as orphaned only where the books say for certain that nobody will name it: its job has ended with
another object or none, or there never was such a job. A ledger that is behind removes nothing by that.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import structlog
from prometheus_client import Counter

from bus.blobs import Blobs
from bus.contract.blob_ref import BlobLocation
from ledger.db import leader_turns

EVERY: Final = timedelta(hours=6)
GRACE: Final = timedelta(days=1)
"""No request and no attempt lasts as long; an object that is younger may still be named."""
_FOUND: Final = Counter(
    "sharpstream_orphans_total", "Objects found that no row will ever name; they are removed."
)
_log = structlog.stdlib.get_logger(__name__)

_NAMED: Final = {
    "originals": """EXISTS (SELECT FROM scene_generations s WHERE s.id = o.id
        AND s.original_image_url = o.url)""",
    "results": """EXISTS (SELECT FROM scene_generations s WHERE s.id = o.id
        AND (s.generated_3d_gaussian_url = o.url OR s.status IN ('pending', 'processing')))""",
    "exports": """EXISTS (SELECT FROM export_jobs e WHERE e.id = o.id
        AND (e.export_file_url = o.url OR e.status IN ('pending', 'processing')))""",
}
"""Kind of object -> whether its job names it, or may yet."""
_ENQUEUE: Final = """
INSERT INTO blob_removals (key) SELECT o.key
FROM unnest($1::text[], $2::text[], $3::uuid[]) AS o (key, url, id)
WHERE NOT {named} AND NOT EXISTS (SELECT FROM blob_removals r WHERE r.key = o.key) RETURNING key"""


class Orphans:
    """Looks through the store, a page of keys at a time; one gateway of all has the turn."""

    def __init__(self, pool: asyncpg.Pool, store: Blobs, bucket: str, *, grace: timedelta = GRACE) -> None:
        self._pool, self._store, self._bucket, self._grace = pool, store, bucket, grace

    async def sweep(self) -> None:
        """Look through the store if it is our turn."""
        if await leader_turns.claim(self._pool, "orphans", EVERY):
            await self.find()

    async def find(self) -> list[str]:
        """Have orphans removed and return their keys."""
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
            if old and (owner := _owner(key)) is not None:
                keys.append(key)
                ids.append(owner)
        urls = [BlobLocation(self._bucket, key).url for key in keys]
        rows = await self._pool.fetch(statement, keys, urls, ids) if keys else []
        return [row["key"] for row in rows]


def _owner(key: str) -> UUID | None:
    """Return the id of the job in whose folder the object lies; what is not ours is left alone."""
    try:
        return UUID(key.split("/")[1])
    except (IndexError, ValueError):
        return None
