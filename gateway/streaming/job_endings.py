"""Finds an account's job and the position of its ending, for streams that follow one job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.messages import EXPORT_ENDINGS, GENERATION_ENDINGS
from gateway.streaming.cursor import BEGINNING, Position

# A log that was shortened may lack the ending of a job that has ended.
_STATE: Final = """
SELECT e.epoch, e."offset", {unpublished}
       OR {status} IN ('completed', 'failed', 'cancelled') AND EXISTS (SELECT FROM event_log_floors) AS gone
FROM {jobs} LEFT JOIN event_log e ON e.subject = $2 AND e.type = ANY($3::text[])
WHERE s.user_id = $1 AND s.deleted_at IS NULL AND {job} = $2"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """A kind of job: the event types that end it, and the statement that finds it."""

    name: str
    endings: tuple[str, ...]
    statement: str


SCENE: Final = Kind(
    name="scene",
    endings=tuple(str(kind.__struct_config__.tag) for kind in GENERATION_ENDINGS),
    statement=_STATE.format(unpublished="false", status="s.status", jobs="scene_generations s", job="s.id"),
)
EXPORT: Final = Kind(
    name="export",
    endings=tuple(str(kind.__struct_config__.tag) for kind in EXPORT_ENDINGS),
    statement=_STATE.format(
        unpublished="j.purpose IS NOT NULL",  # the system's own exports publish no events to the event log
        status="j.status",
        jobs="export_jobs j JOIN scene_generations s"
        " ON s.id = j.scene_generation_id AND coalesce(j.purpose, 'backfill') = 'backfill'",
        job="j.id",
    ),
)


async def ending(
    pool: asyncpg.Pool, kind: Kind, account_id: UUID, job_id: UUID
) -> tuple[bool, Position | None]:
    """Return whether the account has this job, and the position of its ending, if it has ended.

    The ending of a job whose events were removed, or that has none, is at `BEGINNING`.
    """
    row = await pool.fetchrow(kind.statement, account_id, job_id, list(kind.endings))
    if row is None:
        return False, None
    if row["epoch"] is not None:
        return True, (row["epoch"], row["offset"])
    return True, BEGINNING if row["gone"] else None
