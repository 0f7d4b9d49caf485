"""Requests to remove objects from the blob store, written in the transaction that makes them unneeded.

The code that deletes a row enqueues its objects here; `gateway.operations.blob_deletion` removes them, with
retries until they are gone. Never calls the blob store itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.blob_ref import URL_PREFIX

_ENQUEUE: Final = "INSERT INTO blob_removals (key) SELECT DISTINCT key FROM unnest($1::text[]) AS k (key)"

# Every attempt wrote to its own key, so whole folders are removed: lost attempts' objects show the customer's
# room as well. A photo that was stored under another key is named.
_OF_SCENES: Final = """
INSERT INTO blob_removals (key)
SELECT 'originals/' || id || '/' FROM unnest($1::uuid[]) AS s (id)
UNION SELECT 'results/' || id || '/' FROM unnest($1::uuid[]) AS s (id)
UNION SELECT 'exports/' || id || '/' FROM export_jobs WHERE scene_generation_id = ANY($1)
UNION SELECT key FROM scene_generations s,
    LATERAL (SELECT regexp_replace(s.original_image_url, $2, '')) AS k (key)
    WHERE s.id = ANY($1) AND length(key) > 1 AND key NOT LIKE 'originals/' || s.id || '/%'"""

# Rendition and thumbnail are the photo in small. Once the splat is gone too, or where there was none, the
# whole folder of results goes: lost attempts' objects show the room as well.
_OF_PHOTOS: Final = """
INSERT INTO blob_removals (key)
SELECT 'originals/' || id || '/' FROM unnest($1::uuid[]) AS s (id)
UNION SELECT 'results/' || id || '/' FROM scene_generations
    WHERE id = ANY($1) AND (result_erased_at IS NOT NULL OR generated_3d_gaussian_url IS NULL)
UNION SELECT key FROM scene_generations s LEFT JOIN scene_renditions r ON r.scene_generation_id = s.id,
    LATERAL unnest(ARRAY[s.original_image_url, s.photo_url, s.thumbnail_url, r.photo_url, r.thumbnail_url])
        AS u (url),
    LATERAL (SELECT regexp_replace(u.url, $2, '')) AS k (key)
    WHERE s.id = ANY($1) AND length(key) > 1 AND key NOT LIKE 'originals/' || s.id || '/%'"""
_OF_SPLATS: Final = """
INSERT INTO blob_removals (key)
SELECT CASE WHEN original_erased_at IS NULL THEN regexp_replace(generated_3d_gaussian_url, $2, '')
            ELSE 'results/' || id || '/' END
FROM scene_generations WHERE id = ANY($1::uuid[]) AND generated_3d_gaussian_url IS NOT NULL"""


async def enqueue(connection: asyncpg.Connection, keys: Sequence[str]) -> None:
    """Enqueue the removal of the objects; it takes effect with the commit of the caller's transaction.

    A key that ends with a slash is a folder and stands for everything below it.
    """
    await connection.execute(_ENQUEUE, list(keys))


async def enqueue_scenes(connection: asyncpg.Connection, generations: Sequence[UUID]) -> None:
    """Enqueue the removal of all objects of the scenes: photos, splats of every attempt, exports.

    Lock the scenes' rows (FOR NO KEY UPDATE, in the order of their ids) in an earlier statement of the
    transaction: an export that is accepted or ends in the meantime is either seen here, or sees the deletion.
    """
    await connection.execute(_OF_SCENES, list(generations), URL_PREFIX)


async def enqueue_photos(connection: asyncpg.Connection, generations: Sequence[UUID]) -> None:
    """Enqueue the removal of the scenes' originals and small versions; the caller holds the rows."""
    await connection.execute(_OF_PHOTOS, list(generations), URL_PREFIX)


async def enqueue_splats(connection: asyncpg.Connection, generations: Sequence[UUID]) -> None:
    """Enqueue the removal of the scenes' splats; the caller holds the scenes' rows.

    Those of lost attempts go with the photo, or as orphans within two days.
    """
    await connection.execute(_OF_SPLATS, list(generations), URL_PREFIX)
