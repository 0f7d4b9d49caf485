"""Accounts: who may sign in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.ids import new_id
from gateway.accounts.erasure import require_another_admin


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


_COLUMNS: Final = "id, email, password_hash, first_name, last_name, role, is_active, created_at"


class Accounts:
    """The ``users`` table. Addresses are compared without regard to case."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def create(
        self, *, email: str, password_hash: str, first_name: str, last_name: str, role: str = "user"
    ) -> Account | None:
        """Add an account; None where the address is in use."""
        row = await self._pool.fetchrow(
            "INSERT INTO users (id, email, password_hash, first_name, last_name, role,"  # noqa: S608
            " is_active, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, true, now(), now())"
            f" ON CONFLICT DO NOTHING RETURNING {_COLUMNS}",
            new_id(),
            email,
            password_hash,
            first_name,
            last_name,
            role,
        )
        return Account(**row) if row else None

    async def by_email(self, email: str) -> Account | None:
        """Return the account of an address."""
        row = await self._pool.fetchrow(
            f"SELECT {_COLUMNS} FROM users WHERE lower(email) = lower($1)",  # noqa: S608  (constant columns)
            email,
        )
        return Account(**row) if row else None

    async def by_id(self, account_id: UUID) -> Account | None:
        """Return the account."""
        row = await self._pool.fetchrow(
            f"SELECT {_COLUMNS} FROM users WHERE id = $1",  # noqa: S608  (constant columns)
            account_id,
        )
        return Account(**row) if row else None

    async def standing(self, account_id: UUID) -> str | None:
        """Return the role that the account has now; None where it is closed. Asked at each request."""
        role: str | None = await self._pool.fetchval(
            "SELECT role FROM users WHERE id = $1 AND is_active", account_id
        )
        return role

    async def change(
        self, account_id: UUID, *, first_name: str | None, last_name: str | None, password_hash: str | None
    ) -> Account | None:
        """Change what is not None; a new password ends every sign-in."""
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                "UPDATE users SET first_name = coalesce($2, first_name),"  # noqa: S608
                " last_name = coalesce($3, last_name), password_hash = coalesce($4, password_hash),"
                f" updated_at = now() WHERE id = $1 AND is_active RETURNING {_COLUMNS}",
                account_id,
                first_name,
                last_name,
                password_hash,
            )
            if row is not None and password_hash is not None:
                await connection.execute("DELETE FROM refresh_tokens WHERE user_id = $1", account_id)
        return Account(**row) if row else None

    async def list(
        self, *, search: str | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Account]:
        """Return up to ``limit`` accounts, newest first; ``search`` is part of an address or a name."""
        rows = await self._pool.fetch(
            f"SELECT {_COLUMNS} FROM users WHERE erased_at IS NULL"  # noqa: S608
            " AND ($1::text IS NULL"
            " OR strpos(lower(concat_ws(' ', email, first_name, last_name)), lower($1)) > 0)"
            " AND ($2::timestamptz IS NULL OR (created_at, id) < ($2, $3::uuid))"
            " ORDER BY created_at DESC, id DESC LIMIT $4",
            search,
            *(before or (None, None)),
            limit,
        )
        return [Account(**row) for row in rows]

    async def govern(self, account_id: UUID, *, role: str | None, is_active: bool | None) -> Account | None:
        """Change role and standing. Raises `DomainError` last_admin."""
        async with self._pool.acquire() as connection, connection.transaction():
            if role not in {None, "admin"} or is_active is False:
                await require_another_admin(connection, account_id)
            row = await connection.fetchrow(
                "UPDATE users SET role = coalesce($2, role), is_active = coalesce($3, is_active),"  # noqa: S608
                f" updated_at = now() WHERE id = $1 AND erased_at IS NULL RETURNING {_COLUMNS}",
                account_id,
                role,
                is_active,
            )
            if row is not None and not row["is_active"]:
                await connection.execute("DELETE FROM refresh_tokens WHERE user_id = $1", account_id)
        return Account(**row) if row else None

    async def reset(self, email: str, *, password_hash: str, role: str) -> Account:
        """Give an account that exists a new password and role, and open it."""
        row = await self._pool.fetchrow(
            "UPDATE users SET password_hash = $2, role = $3, is_active = true,"  # noqa: S608
            f" updated_at = now() WHERE lower(email) = lower($1) RETURNING {_COLUMNS}",
            email,
            password_hash,
            role,
        )
        return Account(**row)
