"""Accounts' retention policies, and the record of what was erased."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.retention import Policy
from gateway.errors import DomainError
from ledger.db.admin_acts import Act, record
from ledger.db.queries import NOW, columns_of, older_than, run, run_one
from ledger.db.tables.accounts import User
from ledger.db.tables.retention import Erasure, RetentionPolicy


@dataclass(frozen=True, kw_only=True, slots=True)
class Stated:
    """The policy that holds for an account; ``updated_at`` is None where it is the installation's."""

    policy: Policy
    updated_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ErasureRow:
    """One row of ``erasures``."""

    id: UUID
    kind: str
    day: date
    erased: int
    first_at: datetime
    last_at: datetime


_HOURS: Final = columns_of(RetentionPolicy, Policy)
_COLUMNS: Final = columns_of(Erasure, ErasureRow)


class Policies:
    """The tables ``retention_policies`` and ``erasures``; ``default`` is the installation's policy."""

    def __init__(self, pool: asyncpg.Pool, default: Policy) -> None:
        self._pool, self.default = pool, default

    async def of(self, account_id: UUID, connection: asyncpg.Connection | None = None) -> Stated:
        """Return the policy that holds for the account, as a transaction sees it."""
        row = await run_one(
            connection or self._pool,
            RetentionPolicy.select(*_HOURS, RetentionPolicy.updated_at).where(
                RetentionPolicy.user_id == account_id
            ),
        )
        if row is None:
            return Stated(policy=self.default)
        updated_at = row.pop("updated_at")
        return Stated(policy=Policy(**row), updated_at=updated_at)

    async def put(self, account_id: UUID, policy: Policy, *, by: UUID | None = None) -> None:
        """Replace the account's policy; nothing is erased by the former one after this returns.

        ``by``: the admin who does it. Raises `DomainError` not_found.
        """
        row = RetentionPolicy(user_id=account_id, **asdict(policy), updated_at=NOW)
        async with self._pool.acquire() as connection, connection.transaction():
            await _hold(connection, account_id)
            await run(
                connection,
                RetentionPolicy.insert(row).on_conflict(
                    target=RetentionPolicy.user_id,
                    action="DO UPDATE",
                    values=[*_HOURS, RetentionPolicy.updated_at],
                ),
            )
            if by is not None:
                act = Act(action="set_account_retention", actor=by, target=account_id, details=asdict(policy))
                await record(connection, act)

    async def reset(self, account_id: UUID, *, by: UUID | None = None) -> None:
        """Return the account to the installation's policy. Raises `DomainError` not_found."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _hold(connection, account_id)
            await run(connection, RetentionPolicy.delete().where(RetentionPolicy.user_id == account_id))
            if by is not None:
                await record(connection, Act(action="reset_account_retention", actor=by, target=account_id))

    async def erased(
        self, account_id: UUID, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[ErasureRow]:
        """Return up to ``limit`` rows of the record, newest first, older than ``before``."""
        query = Erasure.select(*_COLUMNS).where(Erasure.account_id == account_id)
        if before is not None:
            query = query.where(older_than(Erasure.first_at, Erasure.id, before))
        query = query.order_by(Erasure.first_at, Erasure.id, ascending=False).limit(limit)
        return [ErasureRow(**row) for row in await run(self._pool, query)]


async def _hold(connection: asyncpg.Connection, account_id: UUID) -> None:
    """Lock the account's row: `gateway.retention.job` holds it shared while it erases by a policy."""
    found = await run_one(
        connection,
        User.select(User.id).where(User.id == account_id, User.erased_at.is_null()).lock_rows("UPDATE"),
    )
    if found is None:
        raise DomainError("not_found", "There is no account with this id.")
