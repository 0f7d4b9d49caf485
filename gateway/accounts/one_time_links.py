"""Links that work once, made by an admin: invitations to register, and links to set a new password."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.ids import new_id
from gateway.accounts.key_hashing import ApiKeys
from gateway.accounts.mails import Mails
from gateway.errors import DomainError
from ledger.db.admin_acts import Act, record
from ledger.db.queries import names_of

MOST_INVITES: Final = 1000
_FORM: Final = re.compile("[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkRow:
    """A link without its secret."""

    id: UUID
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class InviteRow(LinkRow):
    """An invitation without its secret; ``mail``: waiting, sent or failed, None where none was asked for."""

    mail: str | None


_INVITE: Final = f"""
INSERT INTO one_time_links (id, kind, token_hash, created_by, created_at, expires_at, pepper)
SELECT $1, 'invite', $2, $3, now(), now() + $4, $5
WHERE (SELECT count(*) FROM one_time_links WHERE kind = 'invite' AND expires_at > now()) < {MOST_INVITES}
RETURNING {names_of(LinkRow)}"""  # noqa: S608  (constants)
_RESET: Final = f"""
INSERT INTO one_time_links (id, kind, token_hash, user_id, created_by, created_at, expires_at, pepper)
SELECT $1, 'password_reset', $2, u.id, $3, now(), now() + $4, $6 FROM users u
WHERE u.id = $5 AND u.is_active AND u.erased_at IS NULL
ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, token_hash = excluded.token_hash,
    created_by = excluded.created_by, created_at = excluded.created_at, expires_at = excluded.expires_at,
    pepper = excluded.pepper
RETURNING {names_of(LinkRow)}"""  # noqa: S608  (constant columns)
_INVITES: Final = """
SELECT l.id, l.created_at, l.expires_at, CASE WHEN m.id IS NULL THEN NULL
    WHEN m.sent_at IS NOT NULL THEN 'sent' WHEN m.due_at IS NULL THEN 'failed' ELSE 'waiting' END AS mail
FROM one_time_links l LEFT JOIN mails m ON m.id = l.id
WHERE l.kind = 'invite' AND l.expires_at > now() ORDER BY l.created_at DESC, l.id DESC"""
_USE_INVITE: Final = """
DELETE FROM one_time_links WHERE token_hash = ANY($1::text[]) AND kind = 'invite' AND expires_at > now()
RETURNING id"""


class OneTimeLinks:
    """The ``one_time_links`` table; ``hasher`` keys the hashes of the tokens."""

    def __init__(self, pool: asyncpg.Pool, hasher: ApiKeys, mails: Mails) -> None:
        self._pool, self._hasher, self._mails = pool, hasher, mails

    async def invite(
        self, by: UUID, *, lasting: timedelta, address: str | None = None
    ) -> tuple[LinkRow, str]:
        """Return a new invitation and its token; with ``address`` it is mailed there, too.

        `DomainError`: invites_exhausted.
        """
        invite_id = new_id()
        # A mail has no secret but what can be derived again: see `gateway.accounts.mails`.
        token, new = self._mails.token(invite_id)
        details = {"mailed": True} if address else {}
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_INVITE, invite_id, new.hash, by, lasting, new.pepper)
            if row is not None and address is not None:
                await self._mails.add(connection, "invitation", address, lasting=lasting, mail_id=invite_id)
            if row is not None:
                await record(
                    connection,
                    Act(action="create_invite", actor=by, target=row["id"], details=details),
                )
        if row is None:
            raise DomainError(
                "invites_exhausted", f"There are {MOST_INVITES} open invitations; revoke some first."
            )
        return LinkRow(**row), token

    async def password_reset(
        self, by: UUID, account_id: UUID, *, lasting: timedelta
    ) -> tuple[LinkRow, str] | None:
        """Return a link to set the account's password, in place of an earlier one; None without account."""
        token = secrets.token_urlsafe(32)
        new, act = (
            self._hasher.hashed(token),
            Act(action="create_password_reset", actor=by, target=account_id),
        )
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_RESET, new_id(), new.hash, by, lasting, account_id, new.pepper)
            if row is not None:
                await record(connection, act)
        return (LinkRow(**row), token) if row else None

    async def invites(self) -> list[InviteRow]:
        """Return the open invitations, newest first."""
        return [InviteRow(**row) for row in await self._pool.fetch(_INVITES)]

    async def revoke_invite(self, by: UUID, invite_id: UUID) -> bool:
        """Delete an invitation; return whether there was one."""
        async with self._pool.acquire() as connection, connection.transaction():
            gone = await connection.fetchval(
                "DELETE FROM one_time_links WHERE id = $1 AND kind = 'invite' RETURNING id", invite_id
            )
            if gone is not None:
                await record(connection, Act(action="revoke_invite", actor=by, target=invite_id))
        return gone is not None

    def hashes(self, token: str) -> list[str]:
        """Return the hashes to look a token up by; a text of another form matches none."""
        return self._hasher.hashes(token) if _FORM.fullmatch(token) else []

    async def open_invite(self, token: str) -> bool:
        """Return whether the invitation can be used."""
        return bool(
            await self._pool.fetchval(
                "SELECT EXISTS (SELECT FROM one_time_links WHERE token_hash = ANY($1::text[])"
                " AND kind = 'invite' AND expires_at > now())",
                self.hashes(token),
            )
        )

    async def use_invite(self, connection: asyncpg.Connection, token: str) -> None:
        """Use the invitation up in the transaction of the registration. `DomainError`: invite_invalid."""
        if await connection.fetchval(_USE_INVITE, self.hashes(token)) is None:
            raise uninvited()

    async def sweep(self) -> None:
        """Delete expired links."""
        await self._pool.execute("DELETE FROM one_time_links WHERE expires_at < now()")


def uninvited() -> DomainError:
    """Return the error for a registration without a valid invitation."""
    return DomainError(
        "invite_invalid",
        "Accounts are made by invitation here; yours is missing, used or expired. Ask an admin for one.",
    )
