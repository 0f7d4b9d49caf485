"""Refresh tokens: each is valid once and is replaced by the next of its family.

Reuse of a spent token revokes the whole family, because two parties have had it: both must sign in again.
A second use within `GRACE_S` is mostly one client that sent the request twice: it is refused, and the family
stays valid.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.ids import new_id
from gateway.accounts.key_hashing import ApiKeys
from gateway.errors import DomainError

GRACE_S: Final = 10
_PREFIX: Final = "sr_"
_NEW: Final = """
INSERT INTO refresh_tokens (id, family, user_id, token_hash, created_at, expires_at)
SELECT $1, $2, u.id, $4, now(), now() + $5 * interval '1 second' FROM users u WHERE u.id = $3 AND u.is_active
RETURNING id"""
_USE: Final = """
UPDATE refresh_tokens SET used_at = now() WHERE token_hash = $1 AND used_at IS NULL AND expires_at > now()
RETURNING family, user_id"""
_FOUND: Final = """
SELECT family, used_at IS NOT NULL AND used_at < now() - $2 * interval '1 second' AS reused,
       used_at IS NOT NULL AS spent
FROM refresh_tokens WHERE token_hash = $1"""
_END: Final = "DELETE FROM refresh_tokens WHERE family = $1"


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A sign-in: its account, and the refresh token that renews it next."""

    account_id: UUID
    refresh_token: str


class Sessions:
    """The ``refresh_tokens`` table; tokens are kept as keyed hashes only."""

    def __init__(self, pool: asyncpg.Pool, hasher: ApiKeys, *, seconds: int) -> None:
        self._pool, self._hasher, self._seconds = pool, hasher, seconds

    async def begin(self, account_id: UUID) -> Session:
        """Return a new family's first token. Raises `DomainError` account_inactive."""
        return await self._next(self._pool, account_id, new_id())

    async def renew(self, token: str) -> Session:
        """Spend a token and return the next. `DomainError`: refresh_token_invalid, refresh_token_reused."""
        hashed = self._hasher.hash(token)
        async with self._pool.acquire() as connection, connection.transaction():
            spent = await connection.fetchrow(_USE, hashed)
            if spent is not None:
                return await self._next(connection, spent["user_id"], spent["family"])
        raise await self._refuse(hashed)

    async def end(self, token: str) -> None:
        """Sign out by deleting the token's whole family. An unknown token is ignored."""
        found = await self._pool.fetchrow(_FOUND, self._hasher.hash(token), float(GRACE_S))
        if found is not None:
            await self._pool.execute(_END, found["family"])

    async def sweep(self) -> None:
        """Delete expired tokens."""
        await self._pool.execute("DELETE FROM refresh_tokens WHERE expires_at < now()")

    async def _next(
        self, connection: asyncpg.Connection | asyncpg.Pool, account_id: UUID, family: UUID
    ) -> Session:
        token = _PREFIX + secrets.token_urlsafe(32)
        hashed, seconds = self._hasher.hash(token), float(self._seconds)
        if await connection.fetchval(_NEW, new_id(), family, account_id, hashed, seconds) is None:
            raise DomainError("account_inactive", "The account is closed.")
        return Session(account_id=account_id, refresh_token=token)

    async def _refuse(self, hashed: str) -> DomainError:
        found = await self._pool.fetchrow(_FOUND, hashed, float(GRACE_S))
        if found is not None and found["reused"]:
            await self._pool.execute(_END, found["family"])
            return DomainError(
                "refresh_token_reused",
                "This refresh token was used before. All tokens of this sign-in are void; sign in again.",
            )
        spent = found is not None and found["spent"]
        hint = "it was used a moment ago" if spent else "it is unknown or too old"
        return DomainError("refresh_token_invalid", f"The refresh token is not valid: {hint}; sign in again.")
