"""Erasing an account: personal data at once, the scenes by periodic work that survives restarts.

The first transaction removes all personal data from the rows and revokes all access. The stored objects
follow scene by scene: jobs in flight are cancelled, ended scenes deleted, until none is left. Usage and
history stay; they refer to the account only by its id, which no longer identifies a person.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from bus.bridges import outbox
from bus.contract import topics
from bus.contract.messages import CancelScene, GenerationDeleted
from gateway.errors import DomainError
from gateway.outbox import outbox_record
from gateway.trace import new_trace
from ledger.db import removals

EraseMore: TypeAlias = Callable[[asyncpg.Connection, UUID], Awaitable[None]]
"""Erases other subjects' data about an account, in the same transaction; passed by the composition root."""
BATCH: Final = 100
_PERSON: Final = """
UPDATE users SET email = 'erased-' || id || '@erased.invalid', first_name = '', last_name = '',
    password_hash = $2, is_active = false, erased_at = now(), updated_at = now()
WHERE id = $1 AND erased_at IS NULL
RETURNING id"""
_REST: Final = (
    "UPDATE api_keys SET status = 'revoked', name = '' WHERE user_id = $1",
    "DELETE FROM refresh_tokens WHERE user_id = $1",
    "DELETE FROM known_addresses WHERE user_id = $1",
    "DELETE FROM one_time_links WHERE user_id = $1",
    "DELETE FROM mails WHERE user_id = $1",
    "DELETE FROM idempotency_keys WHERE user_id = $1",
    "DELETE FROM account_quotas WHERE user_id = $1",
    "DELETE FROM retention_policies WHERE user_id = $1",
    "DELETE FROM albums WHERE user_id = $1",
    "DELETE FROM shares WHERE scene_generation_id IN (SELECT id FROM scene_generations WHERE user_id = $1)",
    "UPDATE scene_generations SET client_metadata = NULL, webhook_url = NULL, tags = '{}',"
    " metadata = metadata - 'name' || '{\"client\": {}}' WHERE user_id = $1",
    # Now, when the upload's URL has expired, and when no PUT that began in time can be in flight any more.
    "INSERT INTO blob_removals (key) SELECT key FROM uploads WHERE user_id = $1",
    "INSERT INTO blob_removals (key, due_at) SELECT key, expires_at + later"
    " FROM uploads CROSS JOIN (VALUES (interval '1 minute'), (interval '1 hour')) AS due (later)"
    " WHERE user_id = $1",
    "DELETE FROM uploads WHERE user_id = $1",
    "UPDATE partner_commands SET ce_id = NULL, subject = NULL"
    " WHERE partner_id IN (SELECT id FROM partners WHERE account_id = $1)",
    "UPDATE partners SET state = 'deleting', settled = false, due_at = now(), updated_at = now(),"
    " deleted_at = now() WHERE account_id = $1 AND deleted_at IS NULL",
)
_OTHER_ADMINS: Final = """
SELECT id FROM users WHERE role = 'admin' AND is_active ORDER BY id FOR UPDATE"""
# Only accounts with work to do: one whose scenes wait for their workers must not block those behind it.
_NEXT: Final = """
SELECT u.id FROM users u WHERE u.erased_at IS NOT NULL AND u.emptied_at IS NULL
AND (EXISTS (SELECT FROM scene_generations s WHERE s.user_id = u.id AND s.deleted_at IS NULL
             AND s.status IN ('completed', 'failed', 'cancelled'))
     OR EXISTS (SELECT FROM scene_generations s WHERE s.user_id = u.id
                AND s.status IN ('pending', 'processing') AND s.cancel_requested_at IS NULL)
     OR NOT EXISTS (SELECT FROM scene_generations s WHERE s.user_id = u.id AND s.deleted_at IS NULL))
ORDER BY u.erased_at LIMIT 1 FOR UPDATE OF u SKIP LOCKED"""
_ENDED: Final = """
SELECT id FROM scene_generations
WHERE user_id = $1 AND deleted_at IS NULL AND status IN ('completed', 'failed', 'cancelled')
ORDER BY id LIMIT $2 FOR NO KEY UPDATE"""
_RUNNING: Final = """
UPDATE scene_generations SET cancel_requested_at = $2, updated_at = greatest(updated_at, $2)
WHERE id IN (SELECT id FROM scene_generations WHERE user_id = $1 AND status IN ('pending', 'processing')
             AND cancel_requested_at IS NULL ORDER BY id LIMIT $3 FOR NO KEY UPDATE)
RETURNING id"""
_DELETE: Final = """
UPDATE scene_generations SET deleted_at = $2, client_metadata = NULL, tags = '{}',
    metadata = metadata - 'name' || '{"client": {}}'
WHERE id = ANY($1)"""
_EMPTY: Final = """
UPDATE users SET emptied_at = now() WHERE id = $1
AND NOT EXISTS (SELECT FROM scene_generations WHERE user_id = $1 AND deleted_at IS NULL)"""


class Erasing:
    """Both steps of an erasure; every gateway runs `work` about once a minute."""

    def __init__(self, pool: asyncpg.Pool, erase_more: EraseMore) -> None:
        self._pool = pool
        self._erase_more = erase_more

    async def erase(self, account_id: UUID, *, no_password: str) -> None:
        """Erase personal data; no password matches the hash ``no_password``. `DomainError`: last_admin."""
        async with self._pool.acquire() as connection, connection.transaction():
            await require_another_admin(connection, account_id)
            if await connection.fetchval(_PERSON, account_id, no_password) is None:
                return
            for statement in _REST:
                await connection.execute(statement, account_id)
            await self._erase_more(connection, account_id)

    async def work(self) -> None:
        """Process erased accounts until none has work to do now."""
        while await self._some():
            pass

    async def _some(self) -> bool:
        """Process one batch of one account that has work; return whether there was one."""
        now, trace = datetime.now(UTC), new_trace()
        async with self._pool.acquire() as connection, connection.transaction():
            account_id = await connection.fetchval(_NEXT)
            if account_id is None:
                return False
            ended = [row["id"] for row in await connection.fetch(_ENDED, account_id, BATCH)]
            running = [row["id"] for row in await connection.fetch(_RUNNING, account_id, now, BATCH)]
            if ended:
                await connection.execute(_DELETE, ended, now)
                await removals.enqueue_scenes(connection, ended)
            for each in ended:
                event = GenerationDeleted(generation_id=each, account_id=account_id)
                record = outbox_record(topics.EVENTS, event, key=account_id, time=now, trace=trace)
                await outbox.enqueue(connection, [record])
            for each in running:
                cancel_request = CancelScene(generation_id=each, account_id=account_id, requested_at=now)
                record = outbox_record(topics.CANCELLATIONS, cancel_request, key=each, time=now, trace=trace)
                await outbox.enqueue(connection, [record])
            await connection.execute(_EMPTY, account_id)
            return True


async def require_another_admin(connection: asyncpg.Connection, account_id: UUID) -> None:
    """Raise `DomainError` last_admin for the only admin; locks admins, so that two cannot leave at once."""
    admins = [row["id"] for row in await connection.fetch(_OTHER_ADMINS)]
    if admins == [account_id]:
        raise DomainError("last_admin", "This is the only admin; make another one first.")
