"""Sign-ins: families of refresh tokens, each token spent once and replaced by the next of its family.

The next token is an HMAC of the spent one, so a renewal whose answer was lost can be repeated although only
hashes are kept. Reuse of a spent token after that ends the family, because two parties have had it.

Locks: adding a token holds the row of its account FOR SHARE, ending sign-ins holds it for an update.
Without them a renewal in flight would add a token to a family that has just ended.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.ids import new_id
from gateway.accounts.key_hashing import ApiKeys
from gateway.errors import DomainError

REPEAT_S: Final = 30
"""A spent token gives its unused successor again for so long."""
MOST: Final = 100
"""Sign-ins of one account; a further one ends the one that was renewed longest ago."""
LONGEST_CLIENT: Final = 200
_PREFIX: Final = "sr_"
_BEGIN: Final = """
INSERT INTO refresh_tokens (id, family, user_id, token_hash, created_at, expires_at, client, pepper)
SELECT $1, $2, u.id, $4, now(), now() + $5 * interval '1 second', $6, $8
FROM (SELECT id FROM users WHERE id = $3 AND is_active AND password_hash = $7 FOR SHARE) u RETURNING id"""
_FURTHER: Final = """
DELETE FROM refresh_tokens WHERE user_id = $1 AND family IN (
    SELECT family FROM refresh_tokens WHERE user_id = $1
    GROUP BY family ORDER BY max(created_at) DESC OFFSET $2)"""
_LOCK: Final = """
SELECT u.id, r.token_hash FROM refresh_tokens r JOIN users u ON u.id = r.user_id
WHERE r.token_hash = ANY($1::text[]) AND u.is_active FOR SHARE OF u"""
_USE: Final = """
UPDATE refresh_tokens SET used_at = now() WHERE token_hash = $1 AND used_at IS NULL AND expires_at > now()
RETURNING family, client"""
_NEXT: Final = """
INSERT INTO refresh_tokens (id, family, user_id, token_hash, created_at, expires_at, client, pepper)
VALUES ($1, $2, $3, $4, now(), now() + $5 * interval '1 second', $6, $7)"""
_SPENT: Final = """
SELECT r.family, r.user_id, r.used_at IS NOT NULL AS spent,
       r.used_at > now() - $3 * interval '1 second' AS lately,
       s.token_hash AS next_hash, coalesce(s.used_at IS NULL AND s.expires_at > now(), false) AS open
FROM refresh_tokens r LEFT JOIN refresh_tokens s ON s.token_hash = ANY($2::text[]) AND s.family = r.family
WHERE r.token_hash = ANY($1::text[])"""
_OWNER: Final = "SELECT id FROM users WHERE id = $1 FOR NO KEY UPDATE"
_END_FAMILY: Final = "DELETE FROM refresh_tokens WHERE user_id = $1 AND family = $2 RETURNING id"
_END_OTHERS: Final = "DELETE FROM refresh_tokens WHERE user_id = $1 AND family <> $2"
_END_ALL: Final = "DELETE FROM refresh_tokens WHERE user_id = $1 RETURNING family"
_LIST: Final = """
SELECT family AS id, min(created_at) AS created_at, max(created_at) AS renewed_at,
       max(expires_at) AS expires_at, max(client) AS client
FROM refresh_tokens WHERE user_id = $1 GROUP BY family HAVING max(expires_at) > now()
ORDER BY max(created_at) DESC, family DESC"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A sign-in: its id and account, and the refresh token that renews it next."""

    id: UUID
    account_id: UUID
    refresh_token: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionRow:
    """A sign-in as its owner sees it; ``client`` is the program's own name for itself."""

    id: UUID
    created_at: datetime
    renewed_at: datetime
    expires_at: datetime
    client: str | None


class Sessions:
    """The ``refresh_tokens`` table; tokens are kept as keyed hashes only."""

    def __init__(self, pool: asyncpg.Pool, hasher: ApiKeys, *, seconds: int) -> None:
        self._pool, self._hasher, self._seconds = pool, hasher, seconds

    async def begin(
        self,
        account_id: UUID,
        *,
        password_hash: str,
        client: str | None,
        connection: asyncpg.Connection | None = None,
    ) -> Session:
        """Return a new family's first token, on ``connection`` if given.

        ``password_hash`` is the one that was verified: a password that was changed since begins nothing.
        Raises `DomainError` credentials_invalid.
        """
        where = connection or self._pool
        token, family = _PREFIX + secrets.token_urlsafe(32), new_id()
        hashed, seconds = self._hasher.hash(token), float(self._seconds)
        made = await where.fetchval(
            _BEGIN,
            new_id(),
            family,
            account_id,
            hashed,
            seconds,
            _named(client),
            password_hash,
            self._hasher.number,
        )
        if made is None:
            raise DomainError("credentials_invalid", "The e-mail address or the password is wrong.")
        await where.execute(_FURTHER, account_id, MOST)
        return Session(id=family, account_id=account_id, refresh_token=token)

    async def renew(self, token: str) -> Session:
        """Spend a token and return the next. `DomainError`: refresh_token_invalid, refresh_token_reused."""
        hashes = self._hasher.hashes(token)
        # Of each pepper: a gateway that writes with the other one may have given the next token.
        following = [_PREFIX + text for text in self._hasher.derived(f"successor of {token}")]
        async with self._pool.acquire() as connection, connection.transaction():
            owner = await connection.fetchrow(_LOCK, hashes)
            if owner is not None:
                spent = await connection.fetchrow(_USE, owner["token_hash"])
                if spent is not None:
                    await connection.execute(
                        _NEXT,
                        new_id(),
                        spent["family"],
                        owner["id"],
                        self._hasher.hash(following[0]),
                        float(self._seconds),
                        spent["client"],
                        self._hasher.number,
                    )
                    return Session(id=spent["family"], account_id=owner["id"], refresh_token=following[0])
        return await self._repeated(hashes, following)

    async def family_of(self, token: str) -> UUID | None:
        """Return the id of the sign-in that the token belongs to."""
        family: UUID | None = await self._pool.fetchval(
            "SELECT family FROM refresh_tokens WHERE token_hash = ANY($1::text[])", self._hasher.hashes(token)
        )
        return family

    async def end(self, token: str) -> None:
        """Sign out by deleting the token's whole family. An unknown token is ignored."""
        found = await self._pool.fetchrow(_SPENT, self._hasher.hashes(token), [], 0.0)
        if found is not None:
            await self.end_one(found["user_id"], found["family"])

    async def end_one(self, account_id: UUID, session_id: UUID) -> bool:
        """End one sign-in of the account; return whether there was one."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_OWNER, account_id)
            return bool(await connection.fetch(_END_FAMILY, account_id, session_id))

    async def end_others(self, account_id: UUID, session_id: UUID | None) -> None:
        """End every sign-in of the account but one; None ends them all."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_OWNER, account_id)
            await connection.execute(_END_OTHERS, account_id, session_id or UUID(int=0))

    async def end_all(self, connection: asyncpg.Connection, account_id: UUID) -> int | None:
        """End every sign-in in the caller's transaction; return how many there were, None without account."""
        if await connection.fetchval(_OWNER, account_id) is None:
            return None
        gone = await connection.fetch(_END_ALL, account_id)
        return len({row["family"] for row in gone})

    async def list(self, account_id: UUID) -> list[SessionRow]:
        """Return the account's sign-ins, the one renewed last first."""
        return [SessionRow(**row) for row in await self._pool.fetch(_LIST, account_id)]

    async def sweep(self) -> None:
        """Delete expired tokens."""
        await self._pool.execute("DELETE FROM refresh_tokens WHERE expires_at < now()")

    async def _repeated(self, hashes: Sequence[str], following: Sequence[str]) -> Session:
        """Return the unused successor of a token spent a moment ago; else refuse, and end a reused family."""
        by_hash = {hashed: token for token in following for hashed in self._hasher.hashes(token)}
        found = await self._pool.fetchrow(_SPENT, hashes, [*by_hash], float(REPEAT_S))
        if found is not None and found["spent"] and found["lately"] and found["open"]:
            token = by_hash[found["next_hash"]]
            return Session(id=found["family"], account_id=found["user_id"], refresh_token=token)
        # A successor that cannot be derived is of an earlier release, whose repeats end nothing for so long.
        if found is None or not found["spent"] or (found["lately"] and found["next_hash"] is None):
            raise DomainError(
                "refresh_token_invalid",
                "The refresh token is not valid: it is unknown, too old, or its sign-in has ended; sign in"
                " again.",
            )
        await self.end_one(found["user_id"], found["family"])
        raise DomainError(
            "refresh_token_reused",
            "This refresh token was used before. All tokens of this sign-in are void; sign in again.",
        )


def _named(client: str | None) -> str | None:
    """Return the program's name as printable text of a bounded length."""
    text = "".join(each for each in client or "" if each.isprintable())
    return text[:LONGEST_CLIENT].strip() or None
