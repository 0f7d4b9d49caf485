"""Wishes to remove objects from the blob store, written in the transaction that makes them needless.

Whoever deletes a row says here what lay behind it; `gateway.operations.blob_deletion` carries it out, again
and again until it is done. Never talks to the blob store itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.blob_ref import URL_PREFIX

_ENQUEUE: Final = "INSERT INTO blob_removals (key) SELECT DISTINCT key FROM unnest($1::text[]) AS k (key)"

# Every attempt wrote to a key of its own, so the folders go whole: losers show the customer's room as well.
# Where a photo came in another way its key lies elsewhere and is named.
_OF_SCENES: Final = """
INSERT INTO blob_removals (key)
SELECT 'originals/' || id || '/' FROM unnest($1::uuid[]) AS s (id)
UNION SELECT 'results/' || id || '/' FROM unnest($1::uuid[]) AS s (id)
UNION SELECT 'exports/' || id || '/' FROM export_jobs WHERE scene_generation_id = ANY($1)
UNION SELECT key FROM scene_generations s,
    LATERAL (SELECT regexp_replace(s.original_image_url, $2, '')) AS k (key)
    WHERE s.id = ANY($1) AND length(key) > 1 AND key NOT LIKE 'originals/' || s.id || '/%'"""


async def enqueue(connection: asyncpg.Connection, keys: Sequence[str]) -> None:
    """Have the objects removed once the caller's transaction has committed; not at all if it rolls back.

    A key that ends with a slash is a folder: everything below it.
    """
    await connection.execute(_ENQUEUE, list(keys))


async def enqueue_scenes(connection: asyncpg.Connection, generations: Sequence[UUID]) -> None:
    """Have all removed that scenes have in the store: photos, splats of every attempt, exports.

    Lock the scenes' rows (FOR NO KEY UPDATE, in the order of their ids) in an earlier statement of the
    transaction: an export that is accepted or ends in the meantime is either seen here, or sees the deletion.
    """
    await connection.execute(_OF_SCENES, list(generations), URL_PREFIX)
