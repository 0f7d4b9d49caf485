"""GCRA rate limiter, shared by all gateways through Postgres; one SQL statement per check.

A bucket holds ``quota`` tokens, and a token comes back every ``per_s / quota`` seconds. A row holds only the
time at which the bucket will be full again.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

import asyncpg

from gateway.errors import RateLimitedError

# One round trip when allowed. A refusal writes nothing, so that retries do not prolong the wait.
_TAKE: Final = """
INSERT INTO rate_limits AS r (policy, subject, empty)
VALUES ($1, $2, now() + $3::float8 * interval '1 second')
ON CONFLICT (policy, subject) DO UPDATE
SET empty = greatest(r.empty, now()) + $3::float8 * interval '1 second'
WHERE greatest(r.empty, now()) + $3::float8 * interval '1 second' <= now() + $4::float8 * interval '1 second'
RETURNING extract(epoch FROM empty - now())::float8"""
_LEVEL: Final = """
SELECT extract(epoch FROM empty - now())::float8 FROM rate_limits WHERE policy = $1 AND subject = $2"""
_GIVE_BACK: Final = """
UPDATE rate_limits SET empty = empty - $3::float8 * interval '1 second' WHERE policy = $1 AND subject = $2"""
_SWEEP: Final = "DELETE FROM rate_limits WHERE empty < now()"


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """A rate limit: ``quota`` requests in ``per_s`` seconds, in a burst of up to ``quota``."""

    name: str
    quota: int
    per_s: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """The state of a limit: ``reset_s`` is the time until it is fully reset, or until the next retry."""

    policy: str
    quota: int
    per_s: int
    allowed: bool
    remaining: int
    reset_s: int


class RateLimits:
    """The table ``rate_limits``."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def take(self, policy: Policy, subject: str, cost: int = 1) -> Allowance:
        """Take ``cost`` tokens from ``subject``'s bucket, or none if it holds fewer."""
        hashed = _hashed(subject)
        each_s = policy.per_s / policy.quota
        level = await self._pool.fetchval(_TAKE, policy.name, hashed, cost * each_s, float(policy.per_s))
        if level is not None:
            left = math.floor((policy.per_s - level) / each_s + 1e-6)
            return _allowance(policy, allowed=True, remaining=max(0, left), reset_s=math.ceil(level))
        level = await self._pool.fetchval(_LEVEL, policy.name, hashed) or 0.0
        left = max(0, math.floor((policy.per_s - level) / each_s + 1e-6))
        wait_s = math.ceil(max(0.0, level + cost * each_s - policy.per_s))
        return _allowance(policy, allowed=False, remaining=left, reset_s=max(1, wait_s))

    async def level(self, policy: Policy, subject: str) -> Allowance:
        """Return the state of ``subject``'s bucket and take nothing from it; ``reset_s`` 0: it is full."""
        level = max(0.0, await self._pool.fetchval(_LEVEL, policy.name, _hashed(subject)) or 0.0)
        left = max(0, math.floor((policy.per_s - level) / policy.per_s * policy.quota + 1e-6))
        return _allowance(policy, allowed=left > 0, remaining=left, reset_s=math.ceil(level))

    async def give_back(self, policy: Policy, subject: str) -> None:
        """Return one token to ``subject``'s bucket."""
        await self._pool.execute(_GIVE_BACK, policy.name, _hashed(subject), policy.per_s / policy.quota)

    async def require(self, policy: Policy, subject: str, what: str) -> None:
        """Take a token. Raises `DomainError` rate_limited; ``what`` is the beginning of its sentence."""
        allowance = await self.take(policy, subject)
        if not allowance.allowed:
            raise refused(allowance, "rate_limited", what)

    async def sweep(self) -> None:
        """Delete full buckets: they equal new ones."""
        await self._pool.execute(_SWEEP)


def _hashed(subject: str) -> str:
    """Return the key of a bucket: the subject may be an address, which is not stored."""
    return hashlib.sha256(subject.encode()).hexdigest()


def refused(allowance: Allowance, code: str, what: str) -> RateLimitedError:
    """Return the error of a refusal; ``what`` is the beginning of its sentence."""
    wait = allowance.reset_s
    return RateLimitedError(
        code,
        f"{what}; try again in {wait} second{'s' if wait != 1 else ''}.",
        policy=allowance.policy,
        quota=allowance.quota,
        per_s=allowance.per_s,
        remaining=allowance.remaining,
        reset_s=wait,
    )


def _allowance(policy: Policy, *, allowed: bool, remaining: int, reset_s: int) -> Allowance:
    return Allowance(
        policy=policy.name,
        quota=policy.quota,
        per_s=policy.per_s,
        allowed=allowed,
        remaining=remaining,
        reset_s=reset_s,
    )
