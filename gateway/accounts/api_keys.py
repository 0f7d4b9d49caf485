"""The API keys in Postgres; a row and its event are written in one statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract import topics
from bus.contract.ids import new_id
from bus.contract.messages import ApiKeyCreated, ApiKeyRevoked
from gateway.accounts.key_hashing import Hashed
from gateway.errors import DomainError
from gateway.outbox import outbox_record, write_and_publish
from gateway.trace import Trace
from ledger.db.queries import columns_of, names_of, older_than, run
from ledger.db.tables.accounts import ApiKey


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiKeyRow:
    """One key, as its owner may see it."""

    id: UUID
    name: str
    status: str
    created_at: datetime
    expires_at: datetime | None
    prefix: str | None
    scopes: list[str] | None
    last_used_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyHolder:
    """The account of a presented key, and whether key and account are still valid."""

    key_id: UUID
    account_id: UUID
    role: str
    api_key_hash: str
    scopes: list[str] | None
    pepper: str | None
    revoked: bool
    expired: bool
    is_active: bool


MOST: Final = 100
"""Active keys of one account."""
_COLUMNS: Final = columns_of(ApiKey, ApiKeyRow)
# A row and its event are one statement, which `write_and_publish` assembles from SQL.
_CREATE: Final = f"""
INSERT INTO api_keys (id, user_id, api_key_hash, name, created_at, expires_at, status, prefix, scopes, pepper)
VALUES ($1, $2, $3, $4, now(), $5, 'active', $6, $7, $8)
RETURNING {names_of(ApiKeyRow)}"""  # noqa: S608  (constant columns)
# The lock comes first: a change of the password, or another new key, is then seen by what follows.
_OWNER: Final = "SELECT id FROM users WHERE id = $1 AND is_active FOR NO KEY UPDATE"
_SIGNED_IN: Final = "SELECT EXISTS (SELECT FROM refresh_tokens WHERE user_id = $1 AND family = $2)"
_ACTIVE: Final = """
SELECT count(*) FROM api_keys
WHERE user_id = $1 AND status = 'active' AND (expires_at IS NULL OR expires_at > now())"""
_END_SHARES: Final = "DELETE FROM shares WHERE api_key_id = $1"
_END_ALBUMS: Final = "DELETE FROM albums WHERE api_key_id = $1"
_REVOKE: Final = """
UPDATE api_keys SET status = 'revoked' WHERE id = $1 AND user_id = $2 AND status = 'active' RETURNING id"""
# Runs at each request with a key: Piccolo needs 0.2 ms of CPU time to build this join.
_HOLDER: Final = """
SELECT k.id AS key_id, k.user_id AS account_id, u.role, k.api_key_hash, k.scopes, k.pepper, u.is_active,
    k.status <> 'active' AS revoked, coalesce(k.expires_at <= now(), false) AS expired
FROM api_keys k JOIN users u ON u.id = k.user_id WHERE k.api_key_hash = ANY($1::text[])"""
# Piccolo has no UPDATE that reads its values from another relation.
_SWEEP: Final = """
UPDATE api_keys k SET last_used_at = greatest(k.last_used_at, u.at),
    api_key_hash = coalesce(u.hash, k.api_key_hash), pepper = coalesce(u.pepper, k.pepper)
FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[]) AS u (id, at, hash, pepper)
WHERE k.id = u.id"""


class Keys:
    """The ``api_keys`` table."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._used: dict[UUID, tuple[datetime, Hashed | None]] = {}

    async def create(
        self,
        account_id: UUID,
        *,
        name: str,
        hashed: Hashed,
        prefix: str,
        expires_at: datetime | None,
        trace: Trace,
        scopes: Sequence[str] | None = None,
        session_id: UUID | None = None,
    ) -> ApiKeyRow:
        """Add a key and its event; ``session_id`` is the sign-in that asks, which must not have ended.

        Raises `DomainError`: account_inactive, token_invalid, api_keys_exhausted.
        """
        key_id = new_id()
        event = outbox_record(
            topics.EVENTS,
            ApiKeyCreated(api_key_id=key_id, account_id=account_id),
            key=account_id,
            trace=trace,
        )
        arguments = [key_id, account_id, hashed.hash, name, expires_at, prefix, scopes, hashed.pepper]
        async with self._pool.acquire() as connection, connection.transaction():
            await _require_room(connection, account_id, session_id)
            row = await write_and_publish(connection, _CREATE, arguments, [event])
        assert row is not None  # noqa: S101  (an INSERT of VALUES)
        return ApiKeyRow(**row)

    async def revoke(self, account_id: UUID, key_id: UUID, *, trace: Trace, end_shares: bool = False) -> bool:
        """Revoke a key at once, with the shares and albums that it made if asked; False for an unknown key.

        A repeat publishes no event.
        """
        event = outbox_record(
            topics.EVENTS,
            ApiKeyRevoked(api_key_id=key_id, account_id=account_id),
            key=account_id,
            trace=trace,
        )
        async with self._pool.acquire() as connection, connection.transaction():
            row = await write_and_publish(connection, _REVOKE, [key_id, account_id], [event])
            if row is None and not await self._exists(account_id, key_id):
                return False
            if end_shares:
                await connection.execute(_END_SHARES, key_id)
                await connection.execute(_END_ALBUMS, key_id)
        return True

    async def list(
        self, account_id: UUID, *, before: tuple[datetime, UUID] | None = None, limit: int = MOST
    ) -> list[ApiKeyRow]:
        """Return up to ``limit`` of the account's keys, newest first, older than ``before``."""
        query = ApiKey.select(*_COLUMNS).where(ApiKey.user_id == account_id)
        if before is not None:
            query = query.where(older_than(ApiKey.created_at, ApiKey.id, before))
        query = query.order_by(ApiKey.created_at, ApiKey.id, ascending=False).limit(limit)
        return [ApiKeyRow(**row) for row in await run(self._pool, query)]

    async def holder(self, hashes: Sequence[str]) -> KeyHolder | None:
        """Return the key's holder; read at each request, so that a revocation takes effect at once.

        ``hashes``: of the one key, with each pepper.
        """
        row = await self._pool.fetchrow(_HOLDER, [*hashes])
        return KeyHolder(**row) if row else None

    def note_use(self, key_id: UUID, anew: Hashed | None = None) -> None:
        """Remember that the key was used; `sweep` writes it, outside of any request, with the new hash."""
        self._used[key_id] = datetime.now(UTC), anew

    async def sweep(self) -> None:
        """Write the times of the keys' last use, and hash those anew that have another pepper."""
        used, self._used = self._used, {}
        if used:
            times, anew = zip(*used.values(), strict=True)
            hashes = [each and each.hash for each in anew]
            await self._pool.execute(_SWEEP, [*used], times, hashes, [each and each.pepper for each in anew])

    async def _exists(self, account_id: UUID, key_id: UUID) -> bool:
        return await run(self._pool, ApiKey.exists().where(ApiKey.id == key_id, ApiKey.user_id == account_id))


async def _require_room(connection: asyncpg.Connection, account_id: UUID, session_id: UUID | None) -> None:
    if await connection.fetchval(_OWNER, account_id) is None:
        raise DomainError("account_inactive", "The account is closed.")
    if session_id is not None and not await connection.fetchval(_SIGNED_IN, account_id, session_id):
        raise DomainError("token_invalid", "This sign-in has ended; sign in again.")
    if await connection.fetchval(_ACTIVE, account_id) >= MOST:
        raise DomainError(
            "api_keys_exhausted", f"The account has {MOST} active API keys; revoke one of them.", limit=MOST
        )
