"""The system's own exports: the views of a scene that somebody opens, and operators' backfills.

Each is a row with a deterministic id and, in the same transaction, a command in the outbox. A repeat finds
the row and orders nothing. They have their own topics, so that they reach no account's events, no webhook
and no bill (decision 27).
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

BACKFILL: Final = "backfill"
"""The purpose of exports that an operator ordered; they are listed among the account's exports."""


class View(NamedTuple):
    """One of the system's own exports: its purpose (``export_jobs.purpose``), format and options.

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
"""What is made of a scene when it is opened, the quicker one first."""


class CompletedScene(NamedTuple):
    """A completed scene: ``source`` is its splat."""

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
WHERE s.deleted_at IS NULL AND s.result_erased_at IS NULL AND u.erased_at IS NULL
ON CONFLICT DO NOTHING RETURNING id"""
_THERE: Final = "SELECT count(*) FROM export_jobs WHERE id = ANY($1::uuid[])"
_PHOTOS: Final = """
SELECT id, original_image_url AS url, metadata ->> 'image' AS image FROM scene_generations
WHERE id = ANY($1::uuid[]) AND original_erased_at IS NULL"""


async def count_ordered(executor: asyncpg.Pool | asyncpg.Connection, exports: Sequence[UUID]) -> int:
    """Return how many of these exports were ordered, whatever came of them; locks nothing."""
    return int(await executor.fetchval(_THERE, exports))


async def hold(connection: asyncpg.Connection, generations: Sequence[UUID]) -> None:
    """Lock the scenes' rows against deletion until the caller's transaction ends."""
    await connection.execute(_HOLD, list(generations))


async def order(
    connection: asyncpg.Connection, scenes: Sequence[CompletedScene], views: Sequence[View], *, source: str
) -> int:
    """Order the missing exports and return how many; must run inside a transaction, after `hold`.

    ``source`` is the role, the CloudEvents source of the commands.

    Deleted scenes, those of erased accounts, those whose splat was erased and unknown ones are skipped.
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
            [_record(_command(each, scene, view, now, photos.get(scene.generation_id)), scene, source)]
            for each, (scene, view) in ordered.items()
        ],
    )
    return len(new)


async def _photos(connection: asyncpg.Connection, scenes: Sequence[CompletedScene]) -> dict[UUID, BlobRef]:
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
    export_id: UUID, scene: CompletedScene, view: View, now: datetime, photo: BlobRef | None
) -> ExportScene:
    return ExportScene(
        export_id=export_id,
        generation_id=scene.generation_id,
        account_id=scene.account_id,
        source=scene.source,
        format=view.format,
        requested_at=now,
        options=dict(view.options),
        purpose=view.purpose,
        expires_at=topics.expiry(topics.BACKGROUND_COMMANDS, now),
        photo=photo if view.scored else None,
    )


def _record(command: ExportScene, scene: CompletedScene, source: str) -> envelope.OutRecord:
    return envelope.record(
        topics.BACKGROUND_COMMANDS,
        command,
        key=command.export_id,
        source=source,
        time=command.requested_at,
        correlation_id=scene.correlation_id,  # no parent: the photo's trace ends with its splat
    )
