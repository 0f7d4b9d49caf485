"""The ``partners`` table: partners and whether Kafka matches their rows. For admins, across all accounts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg
from piccolo.querystring import QueryString

from bus.contract.ids import new_id
from gateway.errors import DomainError
from gateway.partners import suspension
from ledger.db.admin_acts import Act, record
from ledger.db.queries import NOW, Changes, columns_of, names_of, now_plus, older_than, run, run_one
from ledger.db.tables.accounts import User
from ledger.db.tables.partners import Partner, PartnerCommand

_WORK_S: Final = 60
"""Postgres ends the session of a process that is frozen while it holds a row for longer than this."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PartnerRow:
    """One row of ``partners``."""

    id: UUID
    account_id: UUID
    slug: str
    state: str
    settled: bool
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None
    suspended_because: str | None = None
    unreadable_records: int = 0


_COLUMNS: Final = columns_of(Partner, PartnerRow)
# Piccolo's INSERT takes values only; this one inserts only for an active account.
_ADD: Final = f"""
INSERT INTO partners (id, account_id, slug, state, settled, due_at, created_at, updated_at)
SELECT $1, u.id, $3, 'creating', false, now() + $4 * interval '1 second', now(), now()
FROM users u WHERE u.id = $2 AND u.is_active
ON CONFLICT DO NOTHING RETURNING {names_of(PartnerRow)}"""  # noqa: S608  (constant columns)
# Written this way it can use the index over unsettled partners; with a parameter it may not.
_PENDING_CHANGE: Final = QueryString("NOT {}", Partner.settled)


class Held:
    """A partner whose row is locked: no other process changes it, or Kafka for it, meanwhile."""

    def __init__(self, connection: asyncpg.Connection, row: PartnerRow) -> None:
        self._connection, self.row = connection, row

    async def set_state(self, state: str, *, settled: bool = True, again_s: float = 0) -> PartnerRow:
        """Record that Kafka matches ``state``; if not ``settled``, more is due after ``again_s``."""
        changes: Changes = {
            Partner.state: state,
            Partner.settled: settled,
            Partner.due_at: now_plus(again_s),
            Partner.updated_at: NOW,
        }
        rows = await run(
            self._connection,
            Partner.update(changes).where(Partner.id == self.row.id).returning(*_COLUMNS),
        )
        self.row = PartnerRow(**rows[0])
        return self.row

    async def gone_for(self, seconds: float) -> bool:
        """Return whether it was deleted at least so many seconds ago."""
        return await run(
            self._connection,
            Partner.exists().where(Partner.id == self.row.id, Partner.deleted_at <= now_plus(-seconds)),
        )

    async def forget_commands(self) -> None:
        """Delete the partner's commands, which hold its own ids."""
        await run(self._connection, PartnerCommand.delete().where(PartnerCommand.partner_id == self.row.id))


class PartnerStore:
    """Reads and writes ``partners``."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def add(self, account_id: UUID, slug: str, *, lease_s: float, by: UUID) -> PartnerRow:
        """Add a partner in state ``creating``, or return one that an interrupted request left in it.

        Raises `DomainError`: slug_taken, partner_exists, not_found.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_ADD, new_id(), account_id, slug, lease_s)
            found = row or await run_one(connection, Partner.select(*_COLUMNS).where(Partner.slug == slug))
            if found is not None:
                if row is None and (found["account_id"] != account_id or found["state"] != "creating"):
                    raise _taken()
                await record(connection, Act(action="create_partner", actor=by, target=found["id"]))
        return await self._refuse(account_id) if found is None else PartnerRow(**found)

    async def note(self, act: Act) -> None:
        """Record an act whose effect is in Kafka alone, before it is begun."""
        async with self._pool.acquire() as connection, connection.transaction():
            await record(connection, act)

    async def require_free(self, slug: str) -> None:
        """Raise `DomainError` slug_taken if there is or was a partner with this slug."""
        if await run(self._pool, Partner.exists().where(Partner.slug == slug)):
            raise _taken()

    async def _refuse(self, account_id: UUID) -> PartnerRow:
        open_account = User.exists().where(User.id == account_id, User.is_active.eq(True))
        if await run(self._pool, open_account):
            raise DomainError("partner_exists", "The account has a partner already; delete that one first.")
        raise DomainError("not_found", "There is no account with this id that is open.")

    async def get(self, partner_id: UUID) -> PartnerRow:
        """Return a partner. Raises `DomainError` not_found."""
        row = await run_one(self._pool, Partner.select(*_COLUMNS).where(Partner.id == partner_id))
        if row is None:
            raise DomainError("not_found", "There is no partner with this id.")
        return PartnerRow(**row)

    async def due(self, limit: int) -> list[UUID]:
        """Return the ids of up to ``limit`` partners for which Kafka must be reconciled."""
        query = Partner.select(Partner.id).where(_PENDING_CHANGE, Partner.due_at <= NOW)
        rows = await run(self._pool, query.order_by(Partner.due_at).limit(limit))
        return [row["id"] for row in rows]

    async def list(self, *, before: tuple[datetime, UUID] | None, limit: int) -> list[PartnerRow]:
        """Return up to ``limit`` partners, newest first, including deleted ones."""
        query = Partner.select(*_COLUMNS)
        if before is not None:
            query = query.where(older_than(Partner.created_at, Partner.id, before))
        query = query.order_by(Partner.created_at, Partner.id, ascending=False).limit(limit)
        return [PartnerRow(**row) for row in await run(self._pool, query)]

    async def turn(
        self, partner_id: UUID, state: str, *, of: tuple[str, ...], lease_s: float, act: Act
    ) -> PartnerRow:
        """Change its state from one in ``of`` to ``state``. Raises `DomainError` not_found, partner_state."""
        changes: Changes = {
            Partner.state: state,
            Partner.settled: False,
            Partner.due_at: now_plus(lease_s),
            Partner.updated_at: NOW,
            Partner.deleted_at: NOW if state == "deleting" else None,
            Partner.suspended_because: suspension.ADMIN if state == "suspended" else None,
            Partner.unreadable_records: 0,
            Partner.unreadable_since: None,
        }
        async with self._pool.acquire() as connection, connection.transaction():
            row = await run_one(
                connection,
                Partner.update(changes)
                .where(Partner.id == partner_id, Partner.state.is_in([*of]))
                .returning(*_COLUMNS),
            )
            if row is not None:
                await record(connection, act)
        if row is not None:
            return PartnerRow(**row)
        found = await self.get(partner_id)
        raise DomainError(
            "partner_state",
            f"The partner is {found.state}; this needs it to be {' or '.join(of)}.",
            state=found.state,
        )

    @asynccontextmanager
    async def held(self, partner_id: UUID) -> AsyncIterator[Held]:
        """Lock a partner's row for the body, in one transaction; an error rolls the body's writes back."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = {_WORK_S * 1000}")
            row = await run_one(
                connection,
                Partner.select(*_COLUMNS)
                .where(Partner.id == partner_id)
                # Changing Kafka for a partner needs this lock. Commands only reference its row: no wait.
                .lock_rows("NO KEY UPDATE"),
            )
            if row is None:
                raise DomainError("not_found", "There is no partner with this id.")
            yield Held(connection, PartnerRow(**row))

    async def later(self, partner_id: UUID, seconds: float) -> None:
        """Postpone its reconciliation by ``seconds``."""
        changes: Changes = {Partner.due_at: now_plus(seconds)}
        await run(self._pool, Partner.update(changes).where(Partner.id == partner_id, _PENDING_CHANGE))


def _taken() -> DomainError:
    return DomainError(
        "slug_taken", "There is or was a partner of this slug. Take another; for new credentials rotate."
    )
