"""Registration: open to all, by invitation, or closed."""

from __future__ import annotations

from typing import Literal

import asyncpg

from gateway.accounts.one_time_links import OneTimeLinks, uninvited
from gateway.accounts.repository import Account, Accounts
from gateway.errors import DomainError


class Registration:
    """Makes accounts as the setting ``GATEWAY_REGISTRATION`` allows."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        accounts: Accounts,
        links: OneTimeLinks,
        mode: Literal["open", "invite", "closed"],
    ) -> None:
        self._pool, self._accounts, self._links, self._mode = pool, accounts, links, mode

    async def check(self, invite: str | None) -> None:
        """Raise `DomainError` registration_closed or invite_invalid, before a password is hashed."""
        if self._mode == "closed":
            raise DomainError(
                "registration_closed", "New accounts are not made here; ask an admin of this service."
            )
        if self._mode == "invite" and (invite is None or not await self._links.open_invite(invite)):
            raise uninvited()

    async def make(
        self, *, email: str, password_hash: str, first_name: str, last_name: str, invite: str | None
    ) -> Account:
        """Make the account and use the invitation up, or neither. `DomainError`: email_taken, as `check`."""
        async with self._pool.acquire() as connection, connection.transaction():
            if self._mode == "invite":
                await self._links.use_invite(connection, invite or "")
            account = await self._accounts.create(
                email=email,
                password_hash=password_hash,
                first_name=first_name,
                last_name=last_name,
                connection=connection,
            )
            if account is None:
                raise DomainError(
                    "email_taken", "There is an account with this address already; sign in instead."
                )
            return account
