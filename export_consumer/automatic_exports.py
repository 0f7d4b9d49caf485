"""The system's own exports: the views of every completed scene, and operators' backfills.

They are ordered in the transaction that reads the scene's completion: a row with a deterministic id, and a
command through the outbox. A repeat finds the row and orders nothing. They have their own topics, so that
they reach no account's events, no webhook and no bill (decision 27).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from bus.bridges import outbox
from bus.contract import envelope, ids, topics
from bus.contract.blob_ref import BlobLocation, BlobRef
from bus.contract.messages import ExportScene
from bus.contract.options import Options

SOURCE: Final = "/sharpstream/export"
"""The CloudEvents source of this role's messages."""
BACKFILL: Final = "backfill"
"""The purpose of exports that an operator ordered; they are listed among the account's exports."""


class View(NamedTuple):
    """An automatic export: its purpose (``export_jobs.purpose``), format and options.

    ``scored``: while it is made, the scene is also compared with its photo.
    """

    purpose: str
    format: str
    options: Options
    scored: bool = False

    def id_for(self, generation_id: UUID) -> UUID:
        """Return the export's id, which is deterministic: the same view of a scene has the same id."""
        request = msgspec.json.encode(self.options, order="sorted").decode()
        return ids.event_id(generation_id, "export.make.v1", self.purpose, self.format, request)


PREVIEW: Final = View("preview", "png", {"size": 512}, scored=True)
VIEWER: Final = View("viewer", "spz", {"max_gaussians": 1_250_000})
"""SHARP's 1.18 million Gaussians take 13 MB; those of larger models are reduced to about 15 MB."""
VIEWS: Final = (PREVIEW, VIEWER)
"""The views of every completed scene, the quicker one first."""


class Finished(NamedTuple):
    """A completed scene, from its event."""

    generation_id: UUID
    account_id: UUID
    source: BlobRef
    correlation_id: str | None = None


# In the order of ids and first: a concurrent deletion waits for the inserts below, or they see it.
_HOLD: Final = """
SELECT FROM scene_generations WHERE id = ANY($1::uuid[]) ORDER BY id FOR SHARE"""
_ROWS: Final = """
INSERT INTO export_jobs (id, scene_generation_id, export_format, options, purpose, status, created_at,
                         updated_at, expires_at)
SELECT r.id, s.id, r.format, r.options::jsonb, r.purpose, 'pending', $1, $1, $2
FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::text[])
  AS r (id, scene, account, format, options, purpose)
JOIN scene_generations s ON s.id = r.scene AND s.user_id = r.account
JOIN users u ON u.id = s.user_id
WHERE s.deleted_at IS NULL AND u.erased_at IS NULL
ON CONFLICT DO NOTHING RETURNING id"""


_PHOTOS: Final = """
SELECT id, original_image_url AS url, metadata ->> 'image' AS image FROM scene_generations
WHERE id = ANY($1::uuid[])"""


async def hold(connection: asyncpg.Connection, generations: Sequence[UUID]) -> None:
    """Lock the scenes' rows against deletion until the caller's transaction ends."""
    await connection.execute(_HOLD, list(generations))


async def order(connection: asyncpg.Connection, scenes: Sequence[Finished], views: Sequence[View]) -> int:
    """Order the missing exports and return how many; must run inside a transaction, after `hold`.

    Deleted scenes, those of erased accounts and unknown ones are skipped.
    """
    now = datetime.now(UTC)
    until = topics.expiry(topics.BACKGROUND_COMMANDS, now)
    wanted = {view.id_for(scene.generation_id): (scene, view) for scene in scenes for view in views}
    rows = [
        (
            export_id,
            scene.generation_id,
            scene.account_id,
            view.format,
            msgspec.json.encode(view.options).decode(),
            view.purpose,
        )
        for export_id, (scene, view) in wanted.items()
    ]
    if not rows:
        return 0
    new = {row["id"] for row in await connection.fetch(_ROWS, now, until, *zip(*rows, strict=True))}
    ordered = {each: wanted[each] for each in wanted if each in new}
    photos = await _photos(connection, [scene for scene, view in ordered.values() if view.scored])
    await outbox.enqueue_each(
        connection,
        [
            [_command(each, scene, view, now, photos.get(scene.generation_id) if view.scored else None)]
            for each, (scene, view) in ordered.items()
        ],
    )
    return len(new)


async def _photos(connection: asyncpg.Connection, scenes: Sequence[Finished]) -> dict[UUID, BlobRef]:
    """Return the scenes' photos, without those of which the row does not say enough."""
    if not scenes:
        return {}
    rows = await connection.fetch(_PHOTOS, [scene.generation_id for scene in scenes])
    found = {row["id"]: _photo(row["url"], row["image"]) for row in rows}
    return {generation_id: photo for generation_id, photo in found.items() if photo is not None}


def _photo(url: str, image: str | None) -> BlobRef | None:
    try:
        stated = msgspec.json.decode(image or "", type=dict[str, Any])
        return msgspec.convert(stated | {"key": BlobLocation.parse(url).key}, BlobRef)
    except ValueError:  # msgspec's are such, too
        return None


def _command(
    export_id: UUID, scene: Finished, view: View, now: datetime, photo: BlobRef | None
) -> envelope.OutRecord:
    command = ExportScene(
        export_id=export_id,
        generation_id=scene.generation_id,
        account_id=scene.account_id,
        source=scene.source,
        format=view.format,
        requested_at=now,
        options=dict(view.options),
        purpose=view.purpose,
        expires_at=topics.expiry(topics.BACKGROUND_COMMANDS, now),
        photo=photo,
    )
    return envelope.record(
        topics.BACKGROUND_COMMANDS,
        command,
        key=export_id,
        source=SOURCE,
        time=now,
        correlation_id=scene.correlation_id,  # no parent: the photo's trace ends with its splat
    )
