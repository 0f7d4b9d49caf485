"""Quotas of accounts: the role's figures, and the overrides that an admin has set."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Final
from uuid import UUID

import asyncpg

from ledger.db.queries import NOW, columns_of, run, run_one
from ledger.db.tables.uploads_and_idempotency import AccountQuota

FACTOR: Final = {"user": 1, "enterprise": 10, "admin": 100}
"""Role -> multiple of a user's quota."""
INTERACTIVE_FACTOR: Final = {"user": 1, "enterprise": 4, "admin": 4}
"""The same for interactive generations: more would delay all other accounts."""
REMEMBERED_S: Final = 5.0
MOST_REMEMBERED: Final = 10_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Quota:
    """An account's limits: jobs in flight, requests and exports a minute, streams, bytes stored and more."""

    max_in_flight: int
    requests_per_minute: int
    max_streams: int
    interactive_at_once: int
    bulk_at_once: int
    max_exports_in_flight: int
    exports_per_minute: int
    stored_bytes: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """The figures that an admin has set; None stands for the role's."""

    max_in_flight: int | None = None
    requests_per_minute: int | None = None
    max_streams: int | None = None


_COLUMNS: Final = columns_of(AccountQuota, Override)


class Quotas:
    """The overrides in ``account_quotas``, over the figures derived from a user's quota."""

    def __init__(self, pool: asyncpg.Pool, of_user: Quota) -> None:
        self._pool, self._of_user = pool, of_user
        self._known: dict[UUID, tuple[float, Override]] = {}

    def of_role(self, role: str) -> Quota:
        """Return a role's quota."""
        factor, base = FACTOR.get(role, 1), self._of_user
        return Quota(
            max_in_flight=base.max_in_flight * factor,
            requests_per_minute=base.requests_per_minute * factor,
            max_streams=base.max_streams * factor,
            interactive_at_once=base.interactive_at_once * INTERACTIVE_FACTOR.get(role, 1),
            bulk_at_once=base.bulk_at_once * INTERACTIVE_FACTOR.get(role, 1),
            max_exports_in_flight=base.max_exports_in_flight * factor,
            exports_per_minute=base.exports_per_minute * factor,
            stored_bytes=base.stored_bytes * factor,
        )

    async def override_of(self, account_id: UUID) -> Override:
        """Return the figures that an admin has set for the account."""
        row = await run_one(
            self._pool, AccountQuota.select(*_COLUMNS).where(AccountQuota.user_id == account_id)
        )
        return Override(**row) if row else Override()

    async def of(self, account_id: UUID, role: str) -> Quota:
        """Return the account's quota; an override takes effect in every gateway within `REMEMBERED_S`."""
        now = time.monotonic()
        until, own = self._known.get(account_id, (0.0, Override()))
        if until <= now:
            own = await self.override_of(account_id)
            if len(self._known) >= MOST_REMEMBERED:
                self._known.clear()
            self._known[account_id] = (now + REMEMBERED_S, own)
        usual = self.of_role(role)
        return Quota(
            max_in_flight=own.max_in_flight or usual.max_in_flight,
            requests_per_minute=own.requests_per_minute or usual.requests_per_minute,
            max_streams=own.max_streams or usual.max_streams,
            interactive_at_once=usual.interactive_at_once,
            bulk_at_once=usual.bulk_at_once,
            max_exports_in_flight=usual.max_exports_in_flight,
            exports_per_minute=usual.exports_per_minute,
            stored_bytes=usual.stored_bytes,
        )

    async def put(self, connection: asyncpg.Connection, account_id: UUID, override: Override) -> None:
        """Set the account's figures in the caller's transaction; None restores the role's."""
        self._known.pop(account_id, None)
        quota = AccountQuota(user_id=account_id, **asdict(override), updated_at=NOW)
        await run(
            connection,
            AccountQuota.insert(quota).on_conflict(
                target=AccountQuota.user_id,
                action="DO UPDATE",
                values=[*_COLUMNS, AccountQuota.updated_at],
            ),
        )
