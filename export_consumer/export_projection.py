"""`sharp.events.v1` into ``export_jobs``: requested, then completed or failed, never back.

A repeated event has no effect, because a job that has ended is not changed again. If the scene was deleted
meanwhile, the export's file is deleted too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog
from msgspec import UnsetType

from bus.contract.messages import ExportCompleted, ExportFailed, ExportRequested
from ledger.db import removals, scene_views
from ledger.events import Event, storable, to_json

log = structlog.get_logger(__name__)

PROJECTOR: Final = "export.jobs"
"""The name in ``projector_offsets``."""

IN_HAND: Final = """
SELECT EXISTS (SELECT FROM export_jobs WHERE status IN ('pending', 'processing'))"""
# The gateway writes the row before the event; this insert is for other producers of export requests.
_ROWS: Final = """
INSERT INTO export_jobs (id, scene_generation_id, export_format, options, status, created_at, updated_at)
SELECT r.id, s.id, r.format, r.options::jsonb, 'pending', r.time, r.time
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::timestamptz[])
  AS r (id, scene, format, options, time)
JOIN scene_generations s ON s.id = r.scene
ON CONFLICT DO NOTHING"""
_ENDINGS: Final = """
UPDATE export_jobs j
SET status = e.status, updated_at = e.time, export_file_url = e.url, error_code = e.code,
    error_message = e.error, scores = e.scores::jsonb, stored_bytes = e.bytes
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::bigint[])
  AS e (id, status, time, url, code, error, scores, bytes)
WHERE j.id = e.id AND j.status IN ('pending', 'processing')"""
_NEEDLESS: Final = """
SELECT j.id FROM export_jobs j JOIN scene_generations s ON s.id = j.scene_generation_id
WHERE j.id = ANY($1::uuid[]) AND s.deleted_at IS NOT NULL"""


class ExportJobs:
    """Projects the export events; ``bucket`` is the one in the rows' URLs."""

    def __init__(self, *, bucket: str) -> None:
        self._bucket = bucket

    async def write(self, connection: asyncpg.Connection, events: Sequence[Event]) -> None:
        """Write the events; must run inside a transaction."""
        requested = [
            (
                e.message.export_id,
                e.message.generation_id,
                storable(e.message.format),
                to_json(e.message.options),
                e.time,
            )
            for e in events
            if isinstance(e.message, ExportRequested)
        ]
        if requested:
            await connection.execute(_ROWS, *zip(*requested, strict=True))
        endings: dict[UUID, tuple[Any, ...]] = {}
        for event in events:
            if (ending := self._ending(event)) is not None:
                endings.setdefault(ending[0], ending)  # the first one counts
        done = [e.message for e in events if isinstance(e.message, ExportCompleted)]
        if done:  # in the order of ids and before the endings, so that there is no deadlock
            await scene_views.hold(connection, [each.generation_id for each in done])
        if endings:
            await connection.execute(_ENDINGS, *zip(*endings.values(), strict=True))
            if done:
                await self._take_back(connection, [message.export_id for message in done])

    async def _take_back(self, connection: asyncpg.Connection, exports: Sequence[UUID]) -> None:
        """Enqueue the removal of files stored after their scene was deleted, which no user could delete."""
        needless = await connection.fetch(_NEEDLESS, exports)
        if needless:
            await removals.enqueue(connection, [f"exports/{row['id']}/" for row in needless])

    def _ending(self, event: Event) -> tuple[Any, ...] | None:
        """Return (id, status, time, url, code, error, scores, bytes) if the event ends an export."""
        match event.message:
            case ExportCompleted() as m:
                scores = None if isinstance(m.scores, UnsetType) else to_json(m.scores)
                url, size = m.result.url(self._bucket), m.result.bytes
                return (m.export_id, "completed", event.time, url, None, None, scores, size)
            case ExportFailed() as m:
                code, error = storable(m.code), storable(m.message)
                return (m.export_id, "failed", event.time, None, code, error, None, None)
            case _:
                return None
