"""How much of its quotas an account uses now, by the same counts that refuse what is beyond them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from gateway.accounts.quotas import Quotas
from gateway.accounts.rate_limits import Policy, RateLimits
from gateway.scenes.export_limits import exports_policy
from gateway.scenes.stored_bytes import StoredBytes
from gateway.streaming.hub import Hub

_IN_FLIGHT: Final = """
SELECT (SELECT count(*) FROM scene_generations
        WHERE user_id = $1 AND status IN ('pending', 'processing')) AS scenes,
       (SELECT count(*) FROM export_jobs j JOIN scene_generations s ON s.id = j.scene_generation_id
        WHERE s.user_id = $1 AND j.purpose IS NULL AND j.status IN ('pending', 'processing')) AS exports"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """One quota. ``window_s``: of a rate; ``frees_s``: seconds until none is used, None: as work ends."""

    name: str
    used: int
    limit: int
    window_s: int | None = None
    frees_s: int | None = None


class QuotaUse:
    """Reads an account's use; it takes nothing from any rate limit."""

    def __init__(
        self, pool: asyncpg.Pool, quotas: Quotas, limits: RateLimits, stored: StoredBytes, hub: Hub
    ) -> None:
        self._pool, self._quotas, self._limits = pool, quotas, limits
        self._stored, self._hub = stored, hub

    async def of(self, account_id: UUID, role: str) -> list[Use]:
        """Return each quota; live streams are those at this gateway, as their limit is."""
        quota = await self._quotas.of(account_id, role)
        row = await self._pool.fetchrow(_IN_FLIGHT, account_id)
        requests = Policy(name="requests", quota=quota.requests_per_minute, per_s=60)
        return [
            Use(name="generations_in_flight", used=row["scenes"], limit=quota.max_in_flight),
            Use(name="exports_in_flight", used=row["exports"], limit=quota.max_exports_in_flight),
            Use(
                name="stored_bytes",
                used=await self._stored.count(account_id),
                limit=quota.stored_bytes,
            ),
            Use(name="live_streams", used=self._hub.count(account_id), limit=quota.max_streams),
            await self._rate("requests", requests, account_id),
            await self._rate("exports_begun", exports_policy(quota), account_id),
        ]

    async def _rate(self, name: str, policy: Policy, account_id: UUID) -> Use:
        now = await self._limits.level(policy, str(account_id))
        return Use(
            name=name,
            used=policy.quota - now.remaining,
            limit=policy.quota,
            window_s=policy.per_s,
            frees_s=now.reset_s,
        )
