"""The ``partners`` table: who there is, and whether Kafka is as the rows say. For admins: every account's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.ids import new_id
from gateway.errors import DomainError

_COLUMNS: Final = "id, account_id, slug, state, settled, created_at, updated_at, deleted_at"
_ADD: Final = f"""
INSERT INTO partners (id, account_id, slug, state, settled, due_at, created_at, updated_at)
SELECT $1, u.id, $3, 'creating', false, now() + $4 * interval '1 second', now(), now()
FROM users u WHERE u.id = $2 AND u.is_active
ON CONFLICT DO NOTHING RETURNING {_COLUMNS}"""  # noqa: S608  (constant columns)
_TURN: Final = f"""
UPDATE partners SET state = $2, settled = false, due_at = now() + $3 * interval '1 second',
    updated_at = now(), deleted_at = CASE WHEN $2 = 'deleting' THEN now() END
WHERE id = $1 AND state = ANY($4::text[]) RETURNING {_COLUMNS}"""  # noqa: S608
# Whoever talks to Kafka for a partner holds its row; those who only refer to it (commands) are not held up.
_HOLD: Final = f"SELECT {_COLUMNS} FROM partners WHERE id = $1 FOR NO KEY UPDATE"  # noqa: S608
_DUE: Final = "SELECT id FROM partners WHERE NOT settled AND due_at <= now() ORDER BY due_at LIMIT $1"
_SETTLED: Final = f"""
UPDATE partners SET state = $2, settled = $3, due_at = now() + $4 * interval '1 second', updated_at = now()
WHERE id = $1 RETURNING {_COLUMNS}"""  # noqa: S608
_LATER: Final = "UPDATE partners SET due_at = now() + $2 * interval '1 second' WHERE id = $1 AND NOT settled"
_GONE: Final = "SELECT deleted_at + $2 * interval '1 second' <= now() FROM partners WHERE id = $1"
_WORK_S: Final = 60
"""A process frozen while it holds a row is put out of its session after this."""


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


class Held:
    """A partner in the hands of one process: nobody else changes it, or Kafka for it, meanwhile."""

    def __init__(self, connection: asyncpg.Connection, row: PartnerRow) -> None:
        self._connection, self.row = connection, row

    async def settle(self, state: str, *, settled: bool = True, again_s: float = 0) -> PartnerRow:
        """Note that Kafka is as ``state`` says; where not ``settled`` there is more to do after a while."""
        row = await self._connection.fetchrow(_SETTLED, self.row.id, state, settled, float(again_s))
        self.row = PartnerRow(**row)
        return self.row

    async def gone_for(self, seconds: float) -> bool:
        """Whether it was deleted at least so long ago."""
        return bool(await self._connection.fetchval(_GONE, self.row.id, float(seconds)))

    async def forget_commands(self) -> None:
        """Remove the partner's own words."""
        await self._connection.execute("DELETE FROM partner_commands WHERE partner_id = $1", self.row.id)


class PartnerStore:
    """The table."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def add(self, account_id: UUID, slug: str, *, lease_s: float) -> PartnerRow:
        """Add one in the state ``creating``, or return the one that a cut-off request has left in it.

        Raises `DomainError`: slug_taken, partner_exists, not_found.
        """
        row = await self._pool.fetchrow(_ADD, new_id(), account_id, slug, lease_s)
        if row is not None:
            return PartnerRow(**row)
        found = await self._pool.fetchrow(
            f"SELECT {_COLUMNS} FROM partners WHERE slug = $1",  # noqa: S608
            slug,
        )
        if found is None:
            return await self._refuse(account_id)
        if found["account_id"] == account_id and found["state"] == "creating":
            return PartnerRow(**found)
        raise _taken()

    async def require_free(self, slug: str) -> None:
        """Raise `DomainError` slug_taken where there is or was a partner of this slug."""
        if await self._pool.fetchval("SELECT true FROM partners WHERE slug = $1", slug):
            raise _taken()

    async def _refuse(self, account_id: UUID) -> PartnerRow:
        if await self._pool.fetchval("SELECT is_active FROM users WHERE id = $1", account_id):
            raise DomainError("partner_exists", "The account has a partner already; delete that one first.")
        raise DomainError("not_found", "There is no account with this id that is open.")

    async def get(self, partner_id: UUID) -> PartnerRow:
        """Return one. Raises `DomainError` not_found."""
        row = await self._pool.fetchrow(
            f"SELECT {_COLUMNS} FROM partners WHERE id = $1",  # noqa: S608
            partner_id,
        )
        if row is None:
            raise DomainError("not_found", "There is no partner with this id.")
        return PartnerRow(**row)

    async def due(self, limit: int) -> list[UUID]:
        """Return those for which Kafka is to be brought in line."""
        return [row["id"] for row in await self._pool.fetch(_DUE, limit)]

    async def list(self, *, before: tuple[datetime, UUID] | None, limit: int) -> list[PartnerRow]:
        """Return up to ``limit``, newest first; those that are gone too."""
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM partners"  # noqa: S608
            " WHERE $1::timestamptz IS NULL OR (created_at, id) < ($1, $2::uuid)"
            " ORDER BY created_at DESC, id DESC LIMIT $3",
            *(before or (None, None)),
            limit,
        )
        return [PartnerRow(**row) for row in rows]

    async def turn(self, partner_id: UUID, state: str, *, of: tuple[str, ...], lease_s: float) -> PartnerRow:
        """Bring it into ``state`` from one ``of`` those. Raises `DomainError`: not_found, partner_state."""
        row = await self._pool.fetchrow(_TURN, partner_id, state, lease_s, list(of))
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
        """Hold a partner for the body, in one transaction: an error undoes what the body noted."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = {_WORK_S * 1000}")
            row = await connection.fetchrow(_HOLD, partner_id)
            if row is None:
                raise DomainError("not_found", "There is no partner with this id.")
            yield Held(connection, PartnerRow(**row))

    async def later(self, partner_id: UUID, seconds: float) -> None:
        """Try again after a while."""
        await self._pool.execute(_LATER, partner_id, float(seconds))


def _taken() -> DomainError:
    return DomainError(
        "slug_taken", "There is or was a partner of this slug. Take another; for new credentials rotate."
    )
