"""The accounts in Postgres."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from piccolo.query.functions import Lower
from piccolo.querystring import QueryString

from bus.contract.ids import new_id
from gateway.accounts.access_tokens import Claims
from gateway.accounts.erasure import require_another_admin
from ledger.db.admin_acts import Act, record
from ledger.db.queries import CLOCK, NOW, Changes, columns_of, older_than, run, run_one
from ledger.db.tables.accounts import RefreshToken, User


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One row of ``users``."""

    id: UUID
    email: str
    password_hash: str
    first_name: str
    last_name: str
    role: str
    is_active: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenState:
    """An open account's role, and whether the sign-in of its access token is still open."""

    role: str
    signed_in: bool


_COLUMNS: Final = columns_of(User, Account)
# Runs at each request with an access token. The tokens of an earlier release name no sign-in; their time of
# issue is in whole seconds, rounded down, so one of the same second as the change is refused.
_SIGNED_IN: Final = """
SELECT u.role, CASE WHEN $2::uuid IS NULL
    THEN u.sessions_valid_from IS NULL OR to_timestamp($3::float8) > u.sessions_valid_from
    ELSE EXISTS (SELECT FROM refresh_tokens r WHERE r.family = $2 AND r.user_id = u.id) END AS signed_in
FROM users u WHERE u.id = $1 AND u.is_active"""


class Accounts:
    """The ``users`` table. E-mail addresses are given in their normal form."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def create(
        self,
        *,
        email: str,
        password_hash: str,
        first_name: str,
        last_name: str,
        role: str = "user",
        connection: asyncpg.Connection | None = None,
    ) -> Account | None:
        """Add an account, in the transaction of ``connection`` if given; None where the address is in use."""
        user = User(
            id=new_id(),
            email=email,
            password_hash=password_hash,
            first_name=first_name,
            last_name=last_name,
            role=role,
            is_active=True,
            created_at=NOW,
            updated_at=NOW,
        )
        return _account(
            await run_one(
                connection or self._pool,
                User.insert(user).on_conflict(action="DO NOTHING").returning(*_COLUMNS),
            )
        )

    async def by_email(self, email: str) -> Account | None:
        """Return the account with this e-mail address, given in normal form."""
        return _account(await run_one(self._pool, User.select(*_COLUMNS).where(_has_address(email))))

    async def by_id(self, account_id: UUID) -> Account | None:
        """Return the account with this id."""
        return _account(await run_one(self._pool, User.select(*_COLUMNS).where(User.id == account_id)))

    async def active_role(self, account_id: UUID) -> str | None:
        """Return the account's current role; None where it is closed. Read at each request."""
        row = await run_one(
            self._pool, User.select(User.role).where(User.id == account_id, User.is_active.eq(True))
        )
        return row["role"] if row else None

    async def token_state(self, claims: Claims) -> TokenState | None:
        """Return what an access token is good for now; None where the account is closed."""
        row = await self._pool.fetchrow(
            _SIGNED_IN, claims.account_id, claims.session_id, float(claims.issued_at)
        )
        return TokenState(**row) if row else None

    async def rename(
        self, account_id: UUID, *, first_name: str | None, last_name: str | None
    ) -> Account | None:
        """Change the names that are not None."""
        return _account(
            await run_one(
                self._pool,
                User.update(_given({User.first_name: first_name, User.last_name: last_name}))
                .where(User.id == account_id, User.is_active.eq(True))
                .returning(*_COLUMNS),
            )
        )

    async def list(
        self, *, search: str | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Account]:
        """Return up to ``limit`` accounts, newest first; ``search`` is part of an address or a name."""
        query = User.select(*_COLUMNS).where(User.erased_at.is_null())
        if search is not None:
            query = query.where(_contains(search))
        if before is not None:
            query = query.where(older_than(User.created_at, User.id, before))
        query = query.order_by(User.created_at, User.id, ascending=False).limit(limit)
        return [Account(**row) for row in await run(self._pool, query)]

    async def reset(self, email: str, *, password_hash: str, role: str) -> Account:
        """Give an existing account a new password and role, activate it, and end its sign-ins."""
        changes = _given({User.password_hash: password_hash, User.role: role, User.is_active: True})
        changes[User.sessions_valid_from] = CLOCK
        async with self._pool.acquire() as connection, connection.transaction():
            rows = await run(connection, User.update(changes).where(_has_address(email)).returning(*_COLUMNS))
            await _end_sign_ins(connection, rows[0]["id"])
            await record(connection, Act(action="create-admin --reset", target=rows[0]["id"]))
        return Account(**rows[0])


async def set_role_and_state(
    connection: asyncpg.Connection, account_id: UUID, *, role: str | None, is_active: bool | None
) -> Account | None:
    """Change the role, and whether the account is active, as part of the caller's transaction.

    Raises `DomainError` last_admin.
    """
    if role not in {None, "admin"} or is_active is False:
        await require_another_admin(connection, account_id)
    query = User.update(_given({User.role: role, User.is_active: is_active}))
    row = await run_one(
        connection, query.where(User.id == account_id, User.erased_at.is_null()).returning(*_COLUMNS)
    )
    if row is not None and not row["is_active"]:
        await _end_sign_ins(connection, account_id)
    return _account(row)


def _account(row: dict[str, Any] | None) -> Account | None:
    return Account(**row) if row else None


def _has_address(email: str) -> QueryString:
    return Lower(User.email) == QueryString("{}", email)


def _contains(text: str) -> QueryString:
    return QueryString(
        "strpos(normalize(lower(normalize(concat_ws(' ', {}, {}, {}), NFC)), NFC),"
        " normalize(lower(normalize({}, NFC)), NFC)) > 0",
        User.email,
        User.first_name,
        User.last_name,
        text,
    )


def _given(changes: Changes) -> Changes:
    return {column: value for column, value in changes.items() if value is not None} | {User.updated_at: NOW}


async def _end_sign_ins(connection: asyncpg.Connection, account_id: UUID) -> None:
    await run(connection, RefreshToken.delete().where(RefreshToken.user_id == account_id))
