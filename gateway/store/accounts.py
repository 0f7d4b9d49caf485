"""Accounts: who may sign in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from bus.ids import new_id


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
