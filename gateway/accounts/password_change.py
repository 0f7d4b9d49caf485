"""A new password: it ends every sign-in of the account and begins one for the caller.

One transaction locks the account's row first, so no sign-in or renewal in flight survives it
(`gateway.accounts.refresh_tokens`). It takes effect only over the password that was verified: of two changes
at once, the second is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from gateway.accounts.refresh_tokens import Session, Sessions
from gateway.accounts.repository import Account
from gateway.errors import DomainError
from ledger.db.queries import names_of

_SET: Final = f"""
UPDATE users SET password_hash = $2, sessions_valid_from = clock_timestamp(), updated_at = now()
WHERE id = $1 AND is_active AND ($3::text IS NULL OR password_hash = $3)
RETURNING {names_of(Account)}"""  # noqa: S608  (constant columns)
_REST: Final = (
    "DELETE FROM refresh_tokens WHERE user_id = $1",
    "DELETE FROM known_addresses WHERE user_id = $1",
    "DELETE FROM one_time_links WHERE user_id = $1",
    "DELETE FROM mails WHERE user_id = $1 AND token_hash IS NOT NULL",
)
# An admin's link, or one that was mailed.
_LINK: Final = """
SELECT u.id, u.email, u.is_active FROM users u WHERE u.id IN (
    SELECT user_id FROM one_time_links
    WHERE token_hash = ANY($1::text[]) AND kind = 'password_reset' AND expires_at > now()
    UNION ALL SELECT user_id FROM mails
    WHERE token_hash = ANY($1::text[]) AND kind = 'password_reset' AND expires_at > now())"""
_USE: Final = """
WITH handed AS (DELETE FROM one_time_links
    WHERE token_hash = ANY($1::text[]) AND kind = 'password_reset' AND expires_at > now() RETURNING user_id),
mailed AS (DELETE FROM mails
    WHERE token_hash = ANY($1::text[]) AND kind = 'password_reset' AND expires_at > now() RETURNING user_id)
SELECT user_id FROM handed UNION ALL SELECT user_id FROM mailed"""


@dataclass(frozen=True, kw_only=True, slots=True)
class ResetAccount:
    """The account whose password a link may set."""

    id: UUID
    email: str
    is_active: bool


class PasswordChange:
    """Sets passwords, for an owner who knows the old one or who holds a link, an admin's or a mailed one."""

    def __init__(self, pool: asyncpg.Pool, sessions: Sessions) -> None:
        self._pool, self._sessions = pool, sessions

    async def by_owner(
        self, account_id: UUID, *, verified: str, password_hash: str, client: str | None
    ) -> tuple[Account, Session]:
        """Replace the password whose hash ``verified`` was checked. `DomainError`: credentials_invalid."""
        async with self._pool.acquire() as connection, connection.transaction():
            return await self._set(connection, account_id, password_hash, verified, client)

    async def account_of(self, token_hashes: list[str]) -> ResetAccount:
        """Return the account of a link without using it. `DomainError`: link_invalid, account_inactive."""
        row = await self._pool.fetchrow(_LINK, token_hashes)
        if row is None:
            raise unusable()
        if not row["is_active"]:
            raise DomainError("account_inactive", "The account is closed.")
        return ResetAccount(**row)

    async def by_link(
        self, token_hashes: list[str], *, password_hash: str, client: str | None
    ) -> tuple[Account, Session]:
        """Use the link up and set the password. `DomainError`: link_invalid."""
        async with self._pool.acquire() as connection, connection.transaction():
            account_id = await connection.fetchval(_USE, token_hashes)
            if account_id is None:
                raise unusable()
            return await self._set(connection, account_id, password_hash, None, client)

    async def _set(
        self,
        connection: asyncpg.Connection,
        account_id: UUID,
        password_hash: str,
        verified: str | None,
        client: str | None,
    ) -> tuple[Account, Session]:
        row = await connection.fetchrow(_SET, account_id, password_hash, verified)
        if row is None:
            raise DomainError("credentials_invalid", "The password was changed meanwhile; sign in again.")
        for statement in _REST:
            await connection.execute(statement, account_id)
        session = await self._sessions.begin(
            account_id, password_hash=password_hash, client=client, connection=connection
        )
        return Account(**row), session


def unusable() -> DomainError:
    """Return the error for a link that cannot be used."""
    return DomainError("link_invalid", "This link was used, replaced, or has expired; ask for a new one.")
