"""Data export: all data kept about one account, for its owner, as one JSON document that is never whole here.

Rows are read a page at a time, so a slow reader holds neither a connection nor a transaction. A row that
is written meanwhile may be in it or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

MOST: Final = 10_000
"""The most rows of each kind, newest first; the API's lists page through the rest."""
PAGE: Final = 200
LONGEST_S: Final = 300
"""A reader that takes longer is cut off."""
_PARTS: Final = {
    "api_keys": "SELECT id, name, status, prefix, scopes, created_at, expires_at, last_used_at"
    " FROM api_keys WHERE user_id = $1",
    "sessions": "SELECT family AS id, min(created_at) AS created_at, max(expires_at) AS expires_at,"
    " max(client) AS client FROM refresh_tokens WHERE user_id = $1 GROUP BY family",
    "mails": "SELECT id, kind, address, created_at, expires_at, sent_at FROM mails WHERE user_id = $1",
    "scenes": "SELECT id, status, priority, metadata, client_metadata, tags, favourite, retry_of,"
    " created_at, updated_at, error_message"
    " FROM scene_generations WHERE user_id = $1 AND deleted_at IS NULL",
    "exports": "SELECT j.id, j.scene_generation_id, j.export_format, j.purpose, j.status, j.created_at"
    " FROM export_jobs j JOIN scene_generations s ON s.id = j.scene_generation_id"
    " WHERE s.user_id = $1 AND s.deleted_at IS NULL",
    "shares": "SELECT h.id, h.scene_generation_id, h.created_at, h.expires_at"
    " FROM shares h JOIN scene_generations s ON s.id = h.scene_generation_id"
    " WHERE s.user_id = $1 AND s.deleted_at IS NULL",
    "albums": "SELECT a.id, a.name, a.created_at, a.expires_at, (SELECT array_agg(m.scene_generation_id"
    " ORDER BY m.position) FROM album_scenes m WHERE m.album_id = a.id) AS scenes"
    " FROM albums a WHERE a.user_id = $1",
    "webhooks": "SELECT id, url, events, description, created_at FROM webhook_endpoints"
    " WHERE account_id = $1",
    "retention": "SELECT to_jsonb(p) - 'user_id' AS hours, p.user_id AS id, p.updated_at AS created_at"
    " FROM retention_policies p WHERE p.user_id = $1",
    "erasures": "SELECT id, kind, day, erased, first_at AS created_at, last_at"
    " FROM erasures WHERE account_id = $1",
    "usage": "SELECT id, event_type, details, created_at FROM usage_logs WHERE user_id = $1",
}
_PROFILE: Final = """
SELECT to_jsonb(p)::text FROM (
    SELECT id, email, first_name, last_name, role, created_at, updated_at FROM users WHERE id = $1) p"""


async def stream(pool: asyncpg.Pool, account_id: UUID) -> AsyncIterator[bytes]:
    """Yield the document in parts."""
    async with asyncio.timeout(LONGEST_S):
        profile: str = await pool.fetchval(_PROFILE, account_id)
        yield b'{"profile":' + profile.encode()
        for name, query in _PARTS.items():
            yield f',"{name}":['.encode()
            first = True
            async for rows in _pages(pool, query, account_id):
                yield (b"" if first else b",") + b",".join(rows)
                first = False
            yield b"]"
        yield b"}"


async def _pages(pool: asyncpg.Pool, query: str, account_id: UUID) -> AsyncIterator[list[bytes]]:
    statement = (
        f"SELECT r.id, r.created_at, to_jsonb(r)::text AS row FROM ({query}) r"  # noqa: S608
        " WHERE $2::timestamptz IS NULL OR (r.created_at, r.id) < ($2, $3)"
        " ORDER BY r.created_at DESC, r.id DESC LIMIT $4"
    )
    after: tuple[Any, Any] = (None, None)
    for _ in range(0, MOST, PAGE):
        rows = await pool.fetch(statement, account_id, *after, PAGE)
        if rows:
            yield [_row(row["row"]) for row in rows]
        if len(rows) < PAGE:
            return
        after = (rows[-1]["created_at"], rows[-1]["id"])


def _row(text: str) -> bytes:
    """Return a row as JSON; a scene's own metadata as they were sent (`client_metadata`)."""
    row = msgspec.json.decode(text, type=dict[str, Any])
    sent = row.pop("client_metadata", None)
    if sent is not None:
        row["metadata"]["client"] = msgspec.Raw(sent.encode())
    return msgspec.json.encode(row)
