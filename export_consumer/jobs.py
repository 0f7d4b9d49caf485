"""`sharp.events.v1` into ``export_jobs``: requested, then completed or failed, never back.

The rows themselves tell whether an event is news: a job that ended is not touched again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from bus.messages import ExportCompleted, ExportFailed, ExportRequested
from ledger.events import Event, storable

log = structlog.get_logger(__name__)

PROJECTOR: Final = "export.jobs"
"""The name in ``projector_offsets``."""

# The gateway wrote the row before the event; this is for whoever else accepts exports.
_ROWS: Final = """
INSERT INTO export_jobs (id, scene_generation_id, export_format, status, created_at, updated_at)
SELECT r.id, s.id, r.format, 'pending', r.time, r.time
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) AS r (id, scene, format, time)
JOIN scene_generations s ON s.id = r.scene
ON CONFLICT DO NOTHING"""
_ENDINGS: Final = """
UPDATE export_jobs j
SET status = e.status, updated_at = e.time, export_file_url = e.url, error_message = e.error
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[])
  AS e (id, status, time, url, error)
WHERE j.id = e.id AND j.status IN ('pending', 'processing')"""


class ExportJobs:
    """Writes the export events; ``bucket`` completes the blob keys to ``s3://bucket/key``."""

    def __init__(self, *, bucket: str) -> None:
        self._bucket = bucket

    async def write(self, connection: asyncpg.Connection, events: Sequence[Event]) -> None:
        """Write the events; must run inside a transaction."""
        requested = [
            (e.message.export_id, e.message.generation_id, storable(e.message.format), e.time)
            for e in events
            if isinstance(e.message, ExportRequested)
        ]
        if requested:
            await connection.execute(_ROWS, *zip(*requested, strict=True))
        endings: dict[UUID, tuple[Any, ...]] = {}
        for event in events:
            if (ending := self._ending(event)) is not None:
                endings.setdefault(ending[0], ending)  # the first one counts
        if endings:
            await connection.execute(_ENDINGS, *zip(*endings.values(), strict=True))

    def _ending(self, event: Event) -> tuple[Any, ...] | None:
        """Return (id, status, time, url, error) where the event ends an export."""
        match event.message:
            case ExportCompleted() as m:
                return (m.export_id, "completed", event.time, f"s3://{self._bucket}/{m.result.key}", None)
            case ExportFailed() as m:
                return (m.export_id, "failed", event.time, None, storable(m.message))
            case _:
                return None
