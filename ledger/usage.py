"""Usage of accounts: writes one row for each counted event; `ledger.usage_report` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from bus.contract import ids
from bus.contract.messages import ApiKeyCreated, ExportCompleted, ExportRequested, GenerationCompleted
from ledger.events import Event, to_json

_ROWS: Final = """
INSERT INTO usage_logs (id, event_id, user_id, api_key_id, event_type, details, created_at)
SELECT u.id, u.event_id, u.account, coalesce(u.api_key, s.api_key_id), u.kind, u.details::jsonb, u.time
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[],
            $8::timestamptz[]) AS u (id, event_id, account, api_key, generation, kind, details, time)
LEFT JOIN scene_generations s ON s.id = u.generation
ON CONFLICT DO NOTHING"""
_EXPORT_REQUESTS: Final = """
SELECT subject, body::text AS body FROM event_log WHERE subject = ANY($1::uuid[]) AND type = $2"""


async def write(connection: asyncpg.Connection, events: Sequence[Event]) -> None:
    """Write the usage rows of ``events``, which must be new in the log."""
    keys = await _export_keys(connection, events)
    rows = [row for event in events if (row := _row(event, keys)) is not None]
    if rows:
        await connection.execute(_ROWS, *zip(*rows, strict=True))


async def _export_keys(connection: asyncpg.Connection, events: Sequence[Event]) -> dict[UUID, UUID | None]:
    """Return export id -> API key, from the log, because another projector writes export rows."""
    exports = [event.subject for event in events if isinstance(event.message, ExportCompleted)]
    if not exports:
        return {}
    kind = str(ExportRequested.__struct_config__.tag)
    rows = await connection.fetch(_EXPORT_REQUESTS, exports, kind)
    requests = [msgspec.json.decode(row["body"], type=ExportRequested) for row in rows]
    return {request.export_id: request.api_key_id for request in requests}


def _row(event: Event, export_keys: dict[UUID, UUID | None]) -> tuple[Any, ...] | None:
    """Return (id, event id, account, API key, generation to take the key from, kind, details, time)."""
    api_key: UUID | None = None
    generation: UUID | None = None
    details: dict[str, Any] = {"event_id": event.id}
    match event.message:
        case GenerationCompleted() as m:
            kind, generation = "scene_generate", m.generation_id
            model = {"name": m.model.name, "version": m.model.version}
            details |= {"generation_id": generation, "gaussian_count": m.gaussian_count}
            details |= {"bytes": m.result.bytes, "model": model}
        case ExportCompleted() as m:
            kind, api_key = "scene_export", export_keys.get(m.export_id)
            details |= {"generation_id": m.generation_id, "export_id": m.export_id}
            details |= {"format": m.format, "bytes": m.result.bytes}
        case ApiKeyCreated() as m:
            kind, api_key = "api_key_created", m.api_key_id
            details |= {"api_key_id": m.api_key_id}
        case _:
            return None
    row_id = ids.at_time(event.id, event.time)  # a random id touches one index page each
    return (
        row_id,
        event.id,
        event.message.account_id,
        api_key,
        generation,
        kind,
        to_json(details),
        event.time,
    )
