"""Data export: all data kept about one account, for its owner."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from gateway.accounts.schemas import DataOut

MOST: Final = 10_000
"""The most rows of each kind, newest first; the API's lists page through the rest."""
_PARTS: Final = {
    "api_keys": "SELECT id, name, status, prefix, scopes, created_at, expires_at, last_used_at"
    " FROM api_keys WHERE user_id = $1",
    "scenes": "SELECT id, status, priority, metadata, created_at, updated_at, error_message"
    " FROM scene_generations WHERE user_id = $1 AND deleted_at IS NULL",
    "exports": "SELECT j.id, j.scene_generation_id, j.export_format, j.purpose, j.status, j.created_at"
    " FROM export_jobs j JOIN scene_generations s ON s.id = j.scene_generation_id"
    " WHERE s.user_id = $1 AND s.deleted_at IS NULL",
    "shares": "SELECT h.id, h.scene_generation_id, h.created_at, h.expires_at"
    " FROM shares h JOIN scene_generations s ON s.id = h.scene_generation_id"
    " WHERE s.user_id = $1 AND s.deleted_at IS NULL",
    "webhooks": "SELECT id, url, events, description, created_at FROM webhook_endpoints"
    " WHERE account_id = $1",
    "usage": "SELECT id, event_type, details, created_at FROM usage_logs WHERE user_id = $1",
}
_PROFILE: Final = """
SELECT to_jsonb(p)::text FROM (
    SELECT id, email, first_name, last_name, role, created_at, updated_at FROM users WHERE id = $1) p"""


async def collect(pool: asyncpg.Pool, account_id: UUID) -> DataOut:
    """Return the account's data, read in one snapshot."""
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        profile = msgspec.json.decode(await connection.fetchval(_PROFILE, account_id), type=dict[str, Any])
        parts = {name: await _rows(connection, query, account_id) for name, query in _PARTS.items()}
    return DataOut(profile=profile, **parts)


async def _rows(connection: asyncpg.Connection, query: str, account_id: UUID) -> list[dict[str, Any]]:
    rows = await connection.fetch(
        f"SELECT to_jsonb(r)::text AS row FROM ({query} ORDER BY created_at DESC LIMIT {MOST}) r",  # noqa: S608
        account_id,
    )
    return [msgspec.json.decode(row["row"], type=dict[str, Any]) for row in rows]
