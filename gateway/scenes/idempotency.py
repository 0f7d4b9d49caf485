"""``Idempotency-Key``: a repeated request gets the first one's answer, and never makes a second scene.

The key is claimed before the work and bound to the scene in the statement that inserts it. A process that is
killed in between leaves a lease that expires. A process resumed after the expiry finds the key claimed by
another request and inserts nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from gateway.errors import DomainError

LEASE_S: Final = 120
"""Longer than any request may take: fetching 30 s, storing 60 s."""
KEPT: Final = "24 hours"
_FORM: Final = re.compile(r"[!-~]{1,255}")
_CLAIM: Final = f"""
INSERT INTO idempotency_keys AS k (user_id, key, fingerprint, token, lease_until, created_at)
VALUES ($1, $2, $3, $4, now() + interval '{LEASE_S} seconds', now())
ON CONFLICT (user_id, key) DO UPDATE
SET fingerprint = excluded.fingerprint, token = excluded.token, lease_until = excluded.lease_until,
    created_at = now(), generation_id = NULL
WHERE k.created_at < now() - interval '{KEPT}'
   OR (k.generation_id IS NULL AND k.lease_until < now() AND k.fingerprint = excluded.fingerprint)
RETURNING token"""  # noqa: S608  (constants of this module)
_FOUND: Final = """
SELECT fingerprint, generation_id FROM idempotency_keys WHERE user_id = $1 AND key = $2"""
_RELEASE: Final = """
DELETE FROM idempotency_keys WHERE user_id = $1 AND key = $2 AND token = $3 AND generation_id IS NULL"""
_SWEEP: Final = f"DELETE FROM idempotency_keys WHERE created_at < now() - interval '{KEPT}'"  # noqa: S608


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A key that this request holds; ``done`` is the scene that an earlier request with it has made."""

    account_id: UUID
    key: str
    token: UUID
    done: UUID | None = None


def well_formed(key: str) -> str:
    """Return the header's value. Raises `DomainError` idempotency_key_invalid."""
    if not _FORM.fullmatch(key):
        raise DomainError(
            "idempotency_key_invalid", "An Idempotency-Key has 1 to 255 visible ASCII characters, no spaces."
        )
    return key


def fingerprint(*parts: Any) -> bytes:
    """Return the sha256 that identifies a request by its parts."""
    return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).digest()


class Idempotency:
    """The table ``idempotency_keys``."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    @asynccontextmanager
    async def claimed(self, account_id: UUID, key: str | None, print_: bytes) -> AsyncIterator[Claim | None]:
        """Hold the key for the body, and release it if the body raises. Yields None where there is no key.

        Raises `DomainError` idempotency_key_reused or idempotency_in_progress.
        """
        if key is None:
            yield None
            return
        claim = await self._claim(account_id, key, print_)
        try:
            yield claim
        except BaseException:
            if claim.done is None:
                await self._pool.execute(_RELEASE, account_id, key, claim.token)
            raise

    async def sweep(self) -> None:
        """Delete keys older than a day."""
        await self._pool.execute(_SWEEP)

    async def _claim(self, account_id: UUID, key: str, print_: bytes) -> Claim:
        token = uuid4()
        while True:
            if await self._pool.fetchval(_CLAIM, account_id, key, print_, token) is not None:
                return Claim(account_id=account_id, key=key, token=token)
            found = await self._pool.fetchrow(_FOUND, account_id, key)
            if found is not None:  # else it has just been released: claim again
                break
        if found["fingerprint"] != print_:
            raise DomainError(
                "idempotency_key_reused", "This Idempotency-Key came with another request; use a new one."
            )
        if found["generation_id"] is None:
            raise DomainError(
                "idempotency_in_progress",
                "A request with this Idempotency-Key is still at work; try again in a second.",
                retry_after_s=1,
            )
        return Claim(account_id=account_id, key=key, token=token, done=found["generation_id"])
