"""Erases one batch of one kind of one account, in the caller's transaction, and returns how much it was.

Rows are marked, not removed, where a projection needs them: the record of the processing stays as the log has
it. Objects are enqueued for removal (`ledger.db.removals`). Rows that others hold are left for the next turn,
so these statements wait for no one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias
from uuid import UUID

import asyncpg
import msgspec

from bus.bridges import outbox
from bus.contract import topics
from bus.contract.messages import CancelScene
from gateway.outbox import outbox_record
from gateway.retention.due import ENDED, ROWS
from gateway.scenes.cancel_delete import delete_locked
from gateway.trace import new_trace
from ledger.db import removals

BATCH: Final = 100
"""Scenes or exports a transaction; of small rows ten times as many."""
MANY: Final = 1000


def _rows(kind: str) -> str:
    return ROWS[kind].format(account="$1", hours="$2")


def _scenes(kind: str, columns: str = "s.id") -> str:
    return f"""
SELECT {columns} FROM {_rows(kind)} ORDER BY s.updated_at LIMIT $3 FOR NO KEY UPDATE OF s SKIP LOCKED"""  # noqa: S608


_DUE_SCENES: Final = _scenes("scenes")
_DUE_ORIGINALS: Final = _scenes("originals")
_DUE_RESULTS: Final = _scenes("results")
_DUE_NAMES: Final = _scenes(
    "names", "s.id, s.client_metadata, s.metadata ? 'name' OR s.tags <> '{}' AS named"
)
_REQUESTED: Final = f"""
SELECT id FROM scene_generations
WHERE user_id = $1 AND delete_at <= now() AND deleted_at IS NULL AND status IN {ENDED}
ORDER BY delete_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"""  # noqa: S608  (constants)
_CANCEL: Final = """
UPDATE scene_generations SET cancel_requested_at = $2, updated_at = greatest(updated_at, $2)
WHERE id IN (SELECT id FROM scene_generations
             WHERE user_id = $1 AND delete_at <= now() AND deleted_at IS NULL
             AND status IN ('pending', 'processing') AND cancel_requested_at IS NULL
             ORDER BY delete_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id"""
_ORIGINALS: Final = "UPDATE scene_generations SET original_erased_at = now() WHERE id = ANY($1::uuid[])"
_RENDITIONS: Final = "DELETE FROM scene_renditions WHERE scene_generation_id = ANY($1::uuid[])"
# An export that was accepted before the row was locked is seen here; a later one sees the mark.
_RESULTS: Final = """
UPDATE scene_generations s SET result_erased_at = now()
WHERE s.id = ANY($1::uuid[]) AND NOT EXISTS (
    SELECT FROM export_jobs j WHERE j.scene_generation_id = s.id AND j.status IN ('pending', 'processing'))
RETURNING s.id"""
_EXPORTS: Final = """
WITH due AS (
    SELECT j.id FROM {rows} ORDER BY j.updated_at LIMIT $3 FOR NO KEY UPDATE OF j SKIP LOCKED)
UPDATE export_jobs e SET erased_at = now(), export_file_url = NULL FROM due
WHERE e.id = due.id RETURNING e.id"""
_DUE_EXPORTS: Final = _EXPORTS.format(rows=_rows("exports"))
_DUE_VIEWS: Final = _EXPORTS.format(rows=_rows("views"))
_NAMES: Final = """
UPDATE scene_generations s SET name_erased_at = now(), client_metadata = n.text, tags = '{}',
    metadata = (s.metadata - 'name') #- '{client,name}'
FROM unnest($1::uuid[], $2::text[]) AS n (id, text) WHERE s.id = n.id"""
_CLIENT_METADATA: Final = f"""
WITH due AS ({_scenes("client_metadata")})
UPDATE scene_generations s SET client_metadata_erased_at = now(), client_metadata = NULL,
    metadata = s.metadata || '{{"client": {{}}}}'
FROM due WHERE s.id = due.id"""  # noqa: S608  (constants)
# Messages first: inserting a delivery takes the same lock (`gateway.webhooks.housekeeping`).
_WEBHOOKS: Final = f"""
SELECT m.event_id FROM {_rows("webhooks")} ORDER BY m.created_at LIMIT $3 FOR UPDATE OF m SKIP LOCKED"""  # noqa: S608
# A delivery that is being sent again is held by that request, which waits for the message in turn.
_DELIVERIES: Final = """
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT id FROM webhook_deliveries WHERE event_id = ANY($1::uuid[]) FOR UPDATE SKIP LOCKED)"""
_MESSAGES: Final = """
DELETE FROM webhook_messages m WHERE m.event_id = ANY($1::uuid[])
AND NOT EXISTS (SELECT FROM webhook_deliveries d WHERE d.event_id = m.event_id)"""
_UNFINISHED: Final = """
SELECT DISTINCT event_id FROM webhook_deliveries WHERE event_id = ANY($1::uuid[])
AND (state = 'pending' OR greatest(created_at, attempted_at) >= now() - make_interval(hours => $2))"""
_IDEMPOTENCY: Final = f"""
DELETE FROM idempotency_keys WHERE (user_id, key) IN (
    SELECT k.user_id, k.key FROM {_rows("idempotency")} LIMIT $3 FOR UPDATE SKIP LOCKED)"""  # noqa: S608

Eraser: TypeAlias = Callable[[asyncpg.Connection, UUID, int], Awaitable["Erased"]]


class Erased(NamedTuple):
    """How much was erased, and whether there may be more."""

    amount: int
    more: bool


async def by_request(connection: asyncpg.Connection, account_id: UUID) -> Erased:
    """Delete scenes whose request said so; those in flight get a cancel request and go once they ended."""
    now: datetime = await connection.fetchval("SELECT now()")
    trace = new_trace()
    scenes = [row["id"] for row in await connection.fetch(_REQUESTED, account_id, BATCH)]
    if scenes:
        await delete_locked(connection, account_id, scenes, now, trace)
    cancelled = [row["id"] for row in await connection.fetch(_CANCEL, account_id, now, BATCH)]
    requests = [
        CancelScene(generation_id=each, account_id=account_id, requested_at=now) for each in cancelled
    ]
    await outbox.enqueue_each(
        connection,
        [
            [outbox_record(topics.CANCELLATIONS, each, key=each.generation_id, time=now, trace=trace)]
            for each in requests
        ],
    )
    return Erased(len(scenes), BATCH in {len(scenes), len(cancelled)})


async def _scenes_of(connection: asyncpg.Connection, account_id: UUID, hours: int) -> Erased:
    scenes = await _ids(connection, _DUE_SCENES, account_id, hours)
    if scenes:
        now: datetime = await connection.fetchval("SELECT now()")
        await delete_locked(connection, account_id, scenes, now, new_trace())
    return _erased(scenes)


async def _originals(connection: asyncpg.Connection, account_id: UUID, hours: int) -> Erased:
    scenes = await _ids(connection, _DUE_ORIGINALS, account_id, hours)
    if scenes:
        await connection.execute(_ORIGINALS, scenes)
        await removals.enqueue_photos(connection, scenes)
        await connection.execute(_RENDITIONS, scenes)
    return _erased(scenes)


async def _results(connection: asyncpg.Connection, account_id: UUID, hours: int) -> Erased:
    scenes = await _ids(connection, _DUE_RESULTS, account_id, hours)
    erased = [row["id"] for row in await connection.fetch(_RESULTS, scenes)] if scenes else []
    if erased:
        await removals.enqueue_splats(connection, erased)
    return Erased(len(erased), len(scenes) == BATCH and bool(erased))


async def _exports(connection: asyncpg.Connection, account_id: UUID, hours: int) -> Erased:
    return await _files(connection, _DUE_EXPORTS, account_id, hours)


async def _views(connection: asyncpg.Connection, account_id: UUID, hours: int) -> Erased:
    return await _files(connection, _DUE_VIEWS, account_id, hours)


async def _files(connection: asyncpg.Connection, statement: str, account_id: UUID, hours: int) -> Erased:
    exports = await _ids(connection, statement, account_id, hours)
    if exports:
        await removals.enqueue(connection, [f"exports/{each}/" for each in exports])
    return _erased(exports)


async def _names(connection: asyncpg.Connection, account_id: UUID, hours: int) -> Erased:
    rows = await connection.fetch(_DUE_NAMES, account_id, hours, BATCH)
    texts = [_without_name(row["client_metadata"]) for row in rows]
    await connection.execute(_NAMES, [row["id"] for row in rows], texts)
    named = sum(row["named"] or text != row["client_metadata"] for row, text in zip(rows, texts, strict=True))
    return Erased(named, len(rows) == BATCH)


def _without_name(text: str | None) -> str | None:
    """Return a client's metadata without its ``name``, every other value as it was sent."""
    if text is None:
        return None
    try:
        values = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return None  # what cannot be read may hold a name
    if values.pop("name", None) is None:
        return text
    return msgspec.json.encode(values).decode()


async def _client_metadata(connection: asyncpg.Connection, account_id: UUID, hours: int) -> Erased:
    return _counted(await connection.execute(_CLIENT_METADATA, account_id, hours, BATCH), BATCH)


async def _webhooks(connection: asyncpg.Connection, account_id: UUID, hours: int) -> Erased:
    """Remove messages with all their deliveries, the answers among them."""
    messages = [row["event_id"] for row in await connection.fetch(_WEBHOOKS, account_id, hours, MANY)]
    # A separate statement: it sees what was requested again before the messages were locked.
    kept = {row["event_id"] for row in await connection.fetch(_UNFINISHED, messages, hours)}
    over = [each for each in messages if each not in kept]
    await connection.execute(_DELIVERIES, over)
    gone = _counted(await connection.execute(_MESSAGES, over), MANY).amount
    return Erased(gone, len(messages) == MANY and gone > 0)


async def _idempotency(connection: asyncpg.Connection, account_id: UUID, hours: int) -> Erased:
    return _counted(await connection.execute(_IDEMPOTENCY, account_id, hours, MANY), MANY)


async def _ids(connection: asyncpg.Connection, statement: str, account_id: UUID, hours: int) -> list[Any]:
    return [row["id"] for row in await connection.fetch(statement, account_id, hours, BATCH)]


def _erased(ids: list[Any]) -> Erased:
    return Erased(len(ids), len(ids) == BATCH)


def _counted(status: str, batch: int) -> Erased:
    count = int(status.rpartition(" ")[2])
    return Erased(count, count == batch)


ERASERS: Final[dict[str, Eraser]] = {
    "scenes": _scenes_of,
    "originals": _originals,
    "results": _results,
    "exports": _exports,
    "views": _views,
    "names": _names,
    "client_metadata": _client_metadata,
    "webhooks": _webhooks,
    "idempotency": _idempotency,
}
"""Kind -> what erases a batch of it; whole scenes first, of which nothing else is left to erase."""
