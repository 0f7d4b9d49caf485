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
from gateway.errors import DomainError
from ledger.db.queries import names_of

MOST_INVITES: Final = 1000
_FORM: Final = re.compile("[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkRow:
    """A link without its secret."""

    id: UUID
    created_at: datetime
    expires_at: datetime


_INVITE: Final = f"""
INSERT INTO one_time_links (id, kind, token_hash, created_by, created_at, expires_at)
SELECT $1, 'invite', $2, $3, now(), now() + $4
WHERE (SELECT count(*) FROM one_time_links WHERE kind = 'invite' AND expires_at > now()) < {MOST_INVITES}
RETURNING {names_of(LinkRow)}"""  # noqa: S608  (constants)
_RESET: Final = f"""
INSERT INTO one_time_links (id, kind, token_hash, user_id, created_by, created_at, expires_at)
SELECT $1, 'password_reset', $2, u.id, $3, now(), now() + $4 FROM users u
WHERE u.id = $5 AND u.is_active AND u.erased_at IS NULL
ON CONFLICT (user_id) DO UPDATE SET id = excluded.id, token_hash = excluded.token_hash,
    created_by = excluded.created_by, created_at = excluded.created_at, expires_at = excluded.expires_at
RETURNING {names_of(LinkRow)}"""  # noqa: S608  (constant columns)
_INVITES: Final = f"""
SELECT {names_of(LinkRow)} FROM one_time_links WHERE kind = 'invite' AND expires_at > now()
ORDER BY created_at DESC, id DESC"""  # noqa: S608  (constant columns)
_USE_INVITE: Final = """
DELETE FROM one_time_links WHERE token_hash = $1 AND kind = 'invite' AND expires_at > now() RETURNING id"""


class OneTimeLinks:
    """The ``one_time_links`` table; ``hasher`` keys the hashes of the tokens."""

    def __init__(self, pool: asyncpg.Pool, hasher: ApiKeys) -> None:
        self._pool, self._hasher = pool, hasher

    async def invite(self, by: UUID, *, lasting: timedelta) -> tuple[LinkRow, str]:
        """Return a new invitation and its token. `DomainError`: invites_exhausted."""
        token = secrets.token_urlsafe(32)
        row = await self._pool.fetchrow(_INVITE, new_id(), self._hasher.hash(token), by, lasting)
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
        row = await self._pool.fetchrow(_RESET, new_id(), self._hasher.hash(token), by, lasting, account_id)
        return (LinkRow(**row), token) if row else None

    async def invites(self) -> list[LinkRow]:
        """Return the open invitations, newest first."""
        return [LinkRow(**row) for row in await self._pool.fetch(_INVITES)]

    async def revoke_invite(self, invite_id: UUID) -> bool:
        """Delete an invitation; return whether there was one."""
        gone = await self._pool.fetchval(
            "DELETE FROM one_time_links WHERE id = $1 AND kind = 'invite' RETURNING id", invite_id
        )
        return gone is not None

    def hash(self, token: str) -> str:
        """Return the hash to look a token up by; a text of another form matches none."""
        return self._hasher.hash(token) if _FORM.fullmatch(token) else ""

    async def open_invite(self, token: str) -> bool:
        """Return whether the invitation can be used."""
        return bool(
            await self._pool.fetchval(
                "SELECT EXISTS (SELECT FROM one_time_links WHERE token_hash = $1 AND kind = 'invite'"
                " AND expires_at > now())",
                self.hash(token),
            )
        )

    async def use_invite(self, connection: asyncpg.Connection, token: str) -> None:
        """Use the invitation up in the transaction of the registration. `DomainError`: invite_invalid."""
        if await connection.fetchval(_USE_INVITE, self.hash(token)) is None:
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
