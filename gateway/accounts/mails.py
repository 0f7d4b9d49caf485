"""Mails to be sent, as rows: written in the transaction that wants them, sent by `gateway.accounts.mailer`.

A row survives every crash and is sent at least once: a process that dies between the server's answer and the
mark sends it again, with the same Message-ID and the same link. The link's token is derived from the row's id
by the pepper, so no secret is stored, and each attempt has the same. A mailed link to set a password does not
replace an admin's link, nor an earlier mail: strangers who ask for one end no link that its owner holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract.ids import new_id
from gateway.accounts.key_hashing import ApiKeys, Hashed
from gateway.errors import DomainError

RESET_FOR: Final = timedelta(hours=1)
CONFIRM_FOR: Final = timedelta(hours=24)
MOST_ATTEMPTS: Final = 10

# One statement, whether or not somebody has the address: the same index is read, the same row is written.
_RESET: Final = """
INSERT INTO mails (id, kind, user_id, token_hash, pepper, created_at, expires_at, due_at)
VALUES ($1, 'password_reset', (SELECT id FROM users WHERE lower(email) = $2 AND is_active), $3, $4, now(),
        now() + $5, now())"""
_ADD: Final = """
INSERT INTO mails (id, kind, user_id, address, token_hash, pepper, created_at, expires_at, due_at)
VALUES ($1, $2, $3, $4, $5, $6, now(), now() + $7, now())"""
# The next attempt is 2, 4, 8 ... minutes after the claim, 6 hours at most: longer than one attempt takes.
_CLAIM: Final = """
UPDATE mails m SET attempts = attempts + 1,
    due_at = now() + least(interval '6 hours', interval '1 minute' * 2 ^ least(attempts + 1, 10))
WHERE id IN (SELECT id FROM mails WHERE due_at <= now() ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED)
RETURNING m.id, m.kind, m.attempts, m.token_hash,
    extract(epoch FROM m.expires_at - now())::float8 AS seconds,
    coalesce(m.address, (SELECT email FROM users u WHERE u.id = m.user_id AND u.is_active)) AS address,
    m.kind <> 'invitation' OR EXISTS (SELECT FROM one_time_links l WHERE l.id = m.id) AS wanted"""
_SENT: Final = """
UPDATE mails SET sent_at = now(), due_at = NULL, failure = NULL,
    address = CASE WHEN kind = 'email_change' THEN address END
WHERE id = $1"""
_FAILED: Final = """
UPDATE mails SET failure = $3, due_at = CASE WHEN $4 THEN NULL ELSE due_at END,
    address = CASE WHEN $4 AND kind <> 'email_change' THEN NULL ELSE address END
WHERE id = $1 AND attempts = $2 AND sent_at IS NULL"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A mail to send now; ``seconds``: how long its link is still good. ``address`` None: nobody gets it."""

    id: UUID
    kind: str
    attempts: int
    token_hash: str | None
    seconds: float
    address: str | None
    wanted: bool


class Mails:
    """The ``mails`` table. ``enabled``: whether the service has a mail server."""

    def __init__(self, pool: asyncpg.Pool, hasher: ApiKeys, *, enabled: bool) -> None:
        self._pool, self._hasher, self.enabled = pool, hasher, enabled

    def require_enabled(self) -> None:
        """Raise `DomainError` mail_unavailable where the service has no mail server."""
        if not self.enabled:
            raise DomainError(
                "mail_unavailable", "This service sends no mail; ask an admin for a link instead."
            )

    async def ask_reset(self, email: str) -> None:
        """Add a link to set a new password, for the account of this address (in normal form), if any."""
        mail_id = new_id()
        _, new = self.token(mail_id)
        await self._pool.execute(_RESET, mail_id, email, new.hash, new.pepper, RESET_FOR)

    async def add(
        self,
        connection: asyncpg.Connection,
        kind: str,
        address: str,
        *,
        lasting: timedelta,
        mail_id: UUID | None = None,
        account_id: UUID | None = None,
        link: bool = True,
    ) -> None:
        """Add a mail to an address in the caller's transaction; with ``link`` it holds one."""
        mail_id = mail_id or new_id()
        new = self.token(mail_id)[1] if link else None
        await connection.execute(
            _ADD, mail_id, kind, account_id, address, new and new.hash, new and new.pepper, lasting
        )

    def token(self, mail_id: UUID) -> tuple[str, Hashed]:
        """Return the token of a new mail's link, and its hash."""
        token = self._hasher.derived(f"mail {mail_id}")[0]
        return token, self._hasher.hashed(token)

    def token_again(self, mail_id: UUID, token_hash: str) -> str | None:
        """Return the token of a mail written before, maybe with the other pepper; None: with neither."""
        derived = self._hasher.derived(f"mail {mail_id}")
        return next((each for each in derived if token_hash in self._hasher.hashes(each)), None)

    async def claim(self, most: int) -> list[Claimed]:
        """Return mails that are due; each is due again unless `sent`, `failed` or `drop` says otherwise."""
        return [Claimed(**row) for row in await self._pool.fetch(_CLAIM, most)]

    async def sent(self, mail: Claimed) -> None:
        """Mark the mail as sent; its link stays until it is used."""
        await self._pool.execute(_SENT, mail.id)

    async def failed(self, mail: Claimed, failure: str, *, for_good: bool) -> None:
        """Keep why it was not sent; ``for_good``: and try no more."""
        over = for_good or mail.attempts >= MOST_ATTEMPTS
        await self._pool.execute(_FAILED, mail.id, mail.attempts, failure[:500], over)

    async def drop(self, mail: Claimed) -> None:
        """Delete a mail that nobody is to get any more."""
        await self._pool.execute("DELETE FROM mails WHERE id = $1", mail.id)

    async def sweep(self) -> None:
        """Delete mails whose link is over."""
        await self._pool.execute("DELETE FROM mails WHERE expires_at < now()")
