"""Uploads: keys in the store, each for one photo that a client puts there."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from piccolo.querystring import QueryString

from bus.contract.ids import new_id
from gateway.errors import DomainError
from ledger.db.queries import run_one
from ledger.db.tables.uploads_and_idempotency import Upload

MOST_OPEN: Final = 100
"""Unused uploads of one account at a time."""
GRACE: Final = "1 hour"
"""An expired upload is kept this long: a PUT that began in time may still be in flight."""
# Piccolo's INSERT takes values only; this one counts as it writes, and only for an open account.
_MAKE: Final = """
INSERT INTO uploads (id, user_id, key, media_type, bytes, created_at, expires_at)
SELECT $1, u.id, $3, $4, $5, now(), now() + $6 * interval '1 second' FROM users u
WHERE u.id = $2 AND u.is_active
  AND (SELECT count(*) FROM uploads WHERE user_id = $2 AND used_at IS NULL AND expires_at > now()) < $7
RETURNING expires_at"""
_COLUMNS: Final = (
    Upload.key,
    Upload.bytes,
    QueryString("{} IS NOT NULL", Upload.used_at, alias="used"),
    QueryString("{} <= now()", Upload.expires_at, alias="expired"),
)
"""The columns of an `UploadRow`."""
# Used uploads were copied, so their own objects are not needed any more. Piccolo has no WITH around a DELETE.
_SWEEP: Final = f"""
WITH gone AS (DELETE FROM uploads WHERE expires_at < now() - interval '{GRACE}' RETURNING key)
INSERT INTO blob_removals (key) SELECT key FROM gone"""  # noqa: S608  (a constant of this module)


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadRow:
    """The parts of a row of ``uploads`` that decide whether it can be used."""

    key: str
    bytes: int
    used: bool
    expired: bool


class Uploads:
    """The ``uploads`` table."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def make(
        self, account_id: UUID, *, size: int, media_type: str, seconds: int
    ) -> tuple[UUID, str, datetime]:
        """Add an upload; return its id, key and expiry. Raises `DomainError` uploads_exhausted."""
        upload_id = new_id()
        key = f"uploads/{upload_id}/{secrets.token_hex(16)}"
        until = await self._pool.fetchval(
            _MAKE, upload_id, account_id, key, media_type, size, float(seconds), MOST_OPEN
        )
        if until is None:
            raise DomainError(
                "uploads_exhausted",
                f"The account has {MOST_OPEN} unused uploads; use them or wait for their end.",
            )
        return upload_id, key, until

    async def get(self, account_id: UUID, upload_id: UUID) -> UploadRow | None:
        """Return the account's upload."""
        row = await run_one(
            self._pool,
            Upload.select(*_COLUMNS).where(Upload.id == upload_id, Upload.user_id == account_id),
        )
        return UploadRow(**row) if row else None

    async def sweep(self) -> None:
        """Delete expired rows and enqueue the removal of their objects."""
        await self._pool.execute(_SWEEP)
