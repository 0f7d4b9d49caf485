"""Limits of guessing passwords: only wrong ones count, and strangers cannot lock an owner out.

| who asks | counted against |
|---|---|
| a signed-in person (changes the password, erases the account) | the account's own bucket |
| an address that signed in to the account before | the bucket of this account and address |
| any other address | the account's bucket for strangers, and the address's |

An address is an IPv4 address or an IPv6 /64. It is kept as a keyed hash.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

import asyncpg

from gateway.accounts.key_hashing import ApiKeys
from gateway.accounts.rate_limits import Policy, RateLimits, refused
from gateway.errors import DomainError

OF_PERSON: Final = Policy(name="password-person", quota=20, per_s=600)
OF_KNOWN: Final = Policy(name="login-known", quota=20, per_s=600)
OF_ACCOUNT: Final = Policy(name="login-account", quota=20, per_s=600)
OF_ADDRESS: Final = Policy(name="login-address", quota=200, per_s=600)
"""Enough for an office behind one IP address, too few to guess passwords."""
SIGN_INS: Final = Policy(name="sign-ins", quota=60, per_s=600)
"""Of an account from one address, right or wrong: each costs a quarter of a second of a core."""
KNOWN_DAYS: Final = 90
MOST_KNOWN: Final = 50
WRONG: Final = "credentials_invalid"

_KNOWN: Final = "SELECT EXISTS (SELECT FROM known_addresses WHERE user_id = $1 AND address = ANY($2::text[]))"
_NOTE: Final = """
INSERT INTO known_addresses AS k (user_id, address, seen_at)
SELECT id, $2, now() FROM users WHERE id = $1 AND is_active
ON CONFLICT (user_id, address) DO UPDATE SET seen_at = now() WHERE k.seen_at < now() - interval '1 day'"""
_FURTHER: Final = """
DELETE FROM known_addresses WHERE user_id = $1 AND address IN (
    SELECT address FROM known_addresses WHERE user_id = $1 ORDER BY seen_at DESC OFFSET $2)"""
_SWEEP: Final = f"DELETE FROM known_addresses WHERE seen_at < now() - interval '{KNOWN_DAYS} days'"  # noqa: S608


class SignInThrottle:
    """Counts wrong passwords; the ``known_addresses`` table."""

    def __init__(self, pool: asyncpg.Pool, limits: RateLimits, hasher: ApiKeys) -> None:
        self._pool, self._limits, self._hasher = pool, limits, hasher

    @asynccontextmanager
    async def stranger(self, email: str, account_id: UUID | None, address: str) -> AsyncIterator[None]:
        """Hold an attempt to sign in for the body; it counts if the body raises credentials_invalid.

        ``email`` in normal form. ``account_id`` None: nobody has the address. `DomainError`: login_throttled.
        """
        subject = str(account_id) if account_id else email
        pair = f"{subject}|{address}"
        await self._take([(SIGN_INS, pair)])
        if account_id and await self._pool.fetchval(_KNOWN, account_id, self._hasher.hashes(address)):
            buckets = [(OF_KNOWN, pair)]
        else:
            buckets = [(OF_ACCOUNT, subject), (OF_ADDRESS, address)]
        async with self._counted(buckets):
            yield

    @asynccontextmanager
    async def person(self, account_id: UUID) -> AsyncIterator[None]:
        """Hold an attempt of a signed-in person to prove the password, counted likewise."""
        async with self._counted([(OF_PERSON, str(account_id))]):
            yield

    async def note(self, account_id: UUID, address: str) -> None:
        """Remember that the address signed in."""
        await self._pool.execute(_NOTE, account_id, self._hasher.hash(address))
        await self._pool.execute(_FURTHER, account_id, MOST_KNOWN)

    async def sweep(self) -> None:
        """Forget addresses that have not signed in for `KNOWN_DAYS`."""
        await self._pool.execute(_SWEEP)

    @asynccontextmanager
    async def _counted(self, buckets: list[tuple[Policy, str]]) -> AsyncIterator[None]:
        """Take first and give back: attempts at the same time cannot exceed the limit."""
        await self._take(buckets)
        try:
            yield
        except DomainError as error:
            if error.code != WRONG:
                await self._give_back(buckets)
            raise
        except BaseException:
            await self._give_back(buckets)
            raise
        await self._give_back(buckets)

    async def _take(self, buckets: list[tuple[Policy, str]]) -> None:
        taken: list[tuple[Policy, str]] = []
        for policy, subject in buckets:
            allowance = await self._limits.take(policy, subject)
            if not allowance.allowed:
                await self._give_back(taken)
                raise refused(allowance, "login_throttled", "There were too many attempts to sign in")
            taken.append((policy, subject))

    async def _give_back(self, buckets: list[tuple[Policy, str]]) -> None:
        for policy, subject in buckets:
            await self._limits.give_back(policy, subject)
