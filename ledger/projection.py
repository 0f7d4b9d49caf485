"""Projects `sharp.events.v1` into Postgres: the log itself, the state of each generation, and usage.

It runs one statement per kind and batch, whatever the batch's size. Only events that this transaction added
to the log change other tables, so a repeated event changes nothing. Every value comes from the event itself,
also ids and times, so that `ledger.rebuild` produces the same rows. The export consumer writes export jobs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec
import structlog

from bus.contract.blob_ref import BlobRef
from bus.contract.messages import (
    GenerationCancelled,
    GenerationCompleted,
    GenerationDeleted,
    GenerationFailed,
    GenerationRequested,
    Timings,
)
from ledger import metrics, usage
from ledger.events import Event, storable, to_json
from ledger.progress import lock_generations

log = structlog.get_logger(__name__)

PROJECTOR: Final = "ledger"
"""The name in ``projector_offsets``, where the gateway reads up to which offset the log is complete."""
IN_FLIGHT: Final = ("pending", "processing")
CANCELLED: Final = {"requested": "Cancelled on request.", "expired": "Nobody took it in time."}

# Nearly always all events are new; then no ids have to be returned.
_LOG: Final = """
WITH written AS (
INSERT INTO event_log (epoch, partition, "offset", event_id, type, subject, account_id, source, time,
                       correlation_id, traceparent, body)
SELECT $1, e.partition, e.place, e.id, e.type, e.subject, e.account, e.source, e.time, e.correlation,
       e.trace, e.body::json
FROM unnest($2::int[], $3::bigint[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::text[],
            $9::timestamptz[], $10::text[], $11::text[], $12::text[])
  AS e (partition, place, id, type, subject, account, source, time, correlation, trace, body)
ON CONFLICT DO NOTHING RETURNING event_id)
SELECT CASE WHEN count(*) < cardinality($4) THEN coalesce(array_agg(event_id), '{}') END FROM written"""

# The gateway wrote the row before the event, and a lookup is cheaper than a conflict. Rows are missing only
# in a rebuild, and for jobs that another service accepted.
_KNOWN: Final = "SELECT id FROM scene_generations WHERE id = ANY($1::uuid[])"
_ROWS: Final = """
INSERT INTO scene_generations (id, user_id, api_key_id, original_image_url, status, priority, metadata,
                               created_at, updated_at, retry_of)
SELECT r.id, users.id, r.api_key, r.url, 'pending', r.priority, r.metadata::jsonb, r.time, r.time, r.retry_of
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
            $8::uuid[])
  AS r (id, account, api_key, url, priority, metadata, time, retry_of)
JOIN users ON users.id = r.account
ON CONFLICT DO NOTHING RETURNING id"""

_ENDINGS: Final = """
UPDATE scene_generations s
SET status = e.status, updated_at = e.time, generated_3d_gaussian_url = e.url,
    result_blob = e.blob::jsonb, photo_url = e.photo, thumbnail_url = e.thumbnail,
    processing_time_seconds = e.seconds, error_message = e.error, metadata = s.metadata || e.metadata::jsonb
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[],
            $8::float8[], $9::text[], $10::text[])
  AS e (id, status, time, url, blob, photo, thumbnail, seconds, error, metadata)
WHERE s.id = e.id"""

# The log also has deletions from before the row was made here. The type is not a parameter, so that the small
# index of deletions is used; one statement for both made a rebuild read all rows for each batch.
_DELETIONS: Final = """
SELECT subject, time FROM event_log WHERE subject = ANY($1::uuid[]) AND type = 'generation.deleted.v1'"""
_DELETED: Final = """
UPDATE scene_generations s SET deleted_at = e.time FROM unnest($1::uuid[], $2::timestamptz[]) AS e (id, time)
WHERE s.id = e.id AND s.deleted_at IS DISTINCT FROM e.time"""


class EventProjection:
    """Writes events of one topic epoch; the URLs of its rows point into ``bucket``."""

    def __init__(self, *, epoch: int, bucket: str) -> None:
        self._epoch, self._bucket = epoch, bucket

    async def write(self, connection: asyncpg.Connection, events: Sequence[Event]) -> None:
        """Write the events; must run inside a transaction."""
        new = await self._log(connection, events)
        requested = [e for e in new if isinstance(e.message, GenerationRequested)]
        made = await self._rows(connection, requested) if requested else []
        await self._endings(connection, new)
        deleted = [e.subject for e in new if isinstance(e.message, GenerationDeleted)]
        await self._deletions(connection, made, deleted)
        await usage.write(connection, new)

    async def _log(self, connection: asyncpg.Connection, events: Sequence[Event]) -> list[Event]:
        """Add the events to the log and return those that were not in it."""
        columns = zip(*(event[:-1] for event in events), strict=True)  # all but the message
        written = await connection.fetchval(_LOG, self._epoch, *columns)
        new = list(events) if written is None else _those(written, events)
        for kind, count in Counter(event.type for event in new).items():
            metrics.EVENTS.labels(kind).inc(count)
        metrics.REPEATED.inc(len(events) - len(new))
        return new

    async def _rows(self, connection: asyncpg.Connection, events: Sequence[Event]) -> list[UUID]:
        """Insert the missing rows and return their ids."""
        wanted = [event.message.generation_id for event in events]
        known = {row[0] for row in await connection.fetch(_KNOWN, wanted)}
        rows = [self._row(event) for event in events if event.message.generation_id not in known]
        return [row[0] for row in await connection.fetch(_ROWS, *zip(*rows, strict=True))] if rows else []

    async def _deletions(
        self, connection: asyncpg.Connection, made: Sequence[UUID], deleted: Sequence[UUID]
    ) -> None:
        """Set the deletion times from the log, for the rows just made and those named by deletion events."""
        if not made and not deleted:
            return
        times = dict(await connection.fetch(_DELETIONS, [*made, *deleted]))
        if times:
            await lock_generations(connection, list(times))
            await connection.execute(_DELETED, list(times), list(times.values()))

    def _row(self, event: Event) -> tuple[Any, ...]:
        message: GenerationRequested = event.message
        source = message.source
        image = {"media_type": source.media_type, "bytes": source.bytes, "sha256": source.sha256}
        return (
            message.generation_id,
            message.account_id,
            message.api_key_id,
            source.url(self._bucket),
            message.priority.value,
            to_json({"client": {}, "image": image}),
            event.time,
            message.retry_of,
        )

    async def _endings(self, connection: asyncpg.Connection, events: Sequence[Event]) -> None:
        first: dict[UUID, tuple[Any, ...]] = {}
        endings = 0
        for event in events:
            if (ending := self._ending(event)) is not None:
                endings += 1
                first.setdefault(ending[0], ending)
        if not first:
            return
        found = await lock_generations(connection, list(first))
        ended = [first[generation] for generation, status in found.items() if status in IN_FLIGHT]
        if ended:
            await connection.execute(_ENDINGS, *zip(*ended, strict=True))
        if unmatched := endings - len(ended):
            metrics.UNMATCHED_ENDINGS.inc(unmatched)
            missed = sorted(map(str, first.keys() - {row[0] for row in ended}))
            log.error("endings_unmatched", count=unmatched, generation_ids=missed)

    def _ending(self, event: Event) -> tuple[Any, ...] | None:
        """Return the values of `_ENDINGS`, in its order, where the event ends a generation."""
        ending: tuple[Any, ...]
        match event.message:
            case GenerationCompleted() as m:
                seconds = _seconds(m.timings)
                url, blob = m.result.url(self._bucket), to_json(m.result)
                pictures = self._url(m.photo), self._url(m.thumbnail)
                ending = ("completed", event.time, url, blob, *pictures, seconds, None, _result(m))
            case GenerationFailed() as m:
                why = to_json({"error": {"code": storable(m.code)}} | _timings(m.timings))
                ending = ("failed", event.time, None, None, None, None, None, storable(m.message), why)
            case GenerationCancelled() as m:
                why = to_json({"error": {"code": f"cancelled_{storable(m.reason)}"}})
                said = CANCELLED.get(m.reason, "Cancelled.")
                ending = ("cancelled", event.time, None, None, None, None, None, said, why)
            case _:
                return None
        return (event.message.generation_id, *ending)

    def _url(self, stored: BlobRef | msgspec.UnsetType) -> str | None:
        return None if isinstance(stored, msgspec.UnsetType) else stored.url(self._bucket)


def _those(written: Iterable[UUID], events: Sequence[Event]) -> list[Event]:
    """Return the events with these ids, without repeats of the same id."""
    left = set(written)
    new = []
    for event in events:
        if event.id in left:
            left.remove(event.id)
            new.append(event)
    return new


def _result(message: GenerationCompleted) -> str:
    result = {
        "gaussian_count": message.gaussian_count,
        "bytes": message.result.bytes,
        "sha256": message.result.sha256,
        "focal_length_px": message.focal_length_px,
        "width": message.image_width,
        "height": message.image_height,
    }
    estimates = {
        name: value
        for name in ("focal_source", "scale_uncertainty")
        if not isinstance(value := getattr(message, name), msgspec.UnsetType)
    }
    return to_json({"result": result, "model": message.model} | estimates | _timings(message.timings))


def _timings(timings: Timings | msgspec.UnsetType) -> dict[str, Any]:
    return {} if isinstance(timings, msgspec.UnsetType) else {"timings": timings}


def _seconds(timings: Timings) -> float:
    """Return the seconds spent on the photo: every stage but the wait in the queue."""
    stages: dict[str, float | None] = msgspec.structs.asdict(timings)
    return sum(ms for name, ms in stages.items() if ms is not None and name != "queued_ms") / 1000
