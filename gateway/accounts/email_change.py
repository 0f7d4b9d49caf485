"""A new e-mail address: by the password, and where the service sends mail once the new one is confirmed.

The former address then gets a mail that says so, with no link in it. Sign-ins and API keys stay.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg

from gateway.accounts.key_hashing import ApiKeys
from gateway.accounts.mails import CONFIRM_FOR, Mails
from gateway.errors import DomainError

WRITTEN_FOR: Final = timedelta(days=2)
"""The former address is written to for so long, where its server takes no mail."""
# The former value comes from the row as it was locked, before the update.
_SET: Final = """
UPDATE users u SET email = $2, updated_at = now()
FROM (SELECT id, email FROM users WHERE id = $1 AND is_active FOR NO KEY UPDATE) former
WHERE u.id = former.id RETURNING former.email"""
_TAKEN: Final = "SELECT EXISTS (SELECT FROM users WHERE lower(email) = $1)"
_ASKED: Final = "DELETE FROM mails WHERE user_id = $1 AND kind = 'email_change'"
_USE: Final = """
DELETE FROM mails WHERE token_hash = ANY($1::text[]) AND kind = 'email_change' AND expires_at > now()
RETURNING user_id, address"""
_LINKS: Final = "DELETE FROM mails WHERE user_id = $1 AND token_hash IS NOT NULL"
"""Those that went to the former address."""


class EmailChange:
    """Changes the addresses of accounts; addresses are given in their normal form."""

    def __init__(self, pool: asyncpg.Pool, mails: Mails, hasher: ApiKeys) -> None:
        self._pool, self._mails, self._hasher = pool, mails, hasher

    async def ask(self, account_id: UUID, email: str) -> bool:
        """Change the address at once, or send a link to the new one; return whether it must be confirmed.

        Raises `DomainError` email_taken, account_inactive.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            if not self._mails.enabled:
                await self._set(connection, account_id, email)
                return False
            if await connection.fetchval(_TAKEN, email):
                raise _taken()
            await connection.execute(_ASKED, account_id)  # a new request replaces the one before
            await self._mails.add(
                connection, "email_change", email, lasting=CONFIRM_FOR, account_id=account_id
            )
        return True

    async def confirm(self, token_hashes: list[str]) -> str:
        """Use the mailed link up and return the address that the account has now.

        Raises `DomainError` link_invalid, email_taken, account_inactive.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_USE, token_hashes)
            if row is None:
                raise DomainError(
                    "link_invalid", "This link was used, replaced, or has expired; change the address again."
                )
            await self._set(connection, row["user_id"], row["address"])
        address: str = row["address"]
        return address

    async def _set(self, connection: asyncpg.Connection, account_id: UUID, email: str) -> None:
        try:
            former = await connection.fetchval(_SET, account_id, email)
        except asyncpg.UniqueViolationError as error:
            raise _taken() from error
        if former is None:
            raise DomainError("account_inactive", "The account is closed.")
        await connection.execute(_LINKS, account_id)
        if self._mails.enabled:
            await self._mails.add(
                connection, "email_changed", former, lasting=WRITTEN_FOR, account_id=account_id, link=False
            )


def _taken() -> DomainError:
    return DomainError("email_taken", "There is an account with this address already.")
