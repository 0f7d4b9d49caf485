"""Cancels and deletes scenes.

Cancellation is a request: the owner of the command writes how the generation ended. Deletion takes effect
at once, because an ended generation has no owner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg

from bus.bridges import outbox
from bus.contract import topics
from bus.contract.messages import CancelScene, GenerationDeleted
from gateway.errors import DomainError
from gateway.outbox import outbox_record, write_and_publish
from gateway.trace import Trace
from ledger.db import removals

_CANCEL: Final = """
UPDATE scene_generations SET cancel_requested_at = $3, updated_at = greatest(updated_at, $3)
WHERE id = $1 AND user_id = $2 AND status IN ('pending', 'processing') AND cancel_requested_at IS NULL
RETURNING status, cancel_requested_at"""
_SELECT_STATE: Final = """
SELECT status, cancel_requested_at FROM scene_generations
WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL"""
# The client's metadata is removed as well. The record of the processing stays: it holds no personal data.
_DELETE: Final = """
UPDATE scene_generations SET deleted_at = $2, client_metadata = NULL, tags = '{}',
    metadata = metadata - 'name' || '{"client": {}}'
WHERE id = ANY($1::uuid[])"""
_UNSHARE: Final = (
    "DELETE FROM shares WHERE scene_generation_id = ANY($1::uuid[])",
    "DELETE FROM album_scenes WHERE scene_generation_id = ANY($1::uuid[])",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Cancelling:
    """A generation with a cancellation request: its status, and the time of the request."""

    status: str
    cancel_requested_at: datetime


class Removing:
    """Cancels and deletes; each writes its row and its message in one transaction."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def cancel(self, account_id: UUID, generation_id: UUID, trace: Trace) -> Cancelling:
        """Ask the command's owner to stop; a repeated request changes and publishes nothing.

        Raises `DomainError` not_found, or scene_ended where there is nothing to stop.
        """
        now = datetime.now(UTC)
        cancel_request = CancelScene(generation_id=generation_id, account_id=account_id, requested_at=now)
        records = [
            outbox_record(topics.CANCELLATIONS, cancel_request, key=generation_id, time=now, trace=trace)
        ]
        arguments = [generation_id, account_id, now]
        row = await write_and_publish(self._pool, _CANCEL, arguments, records)
        row = row or await self._pool.fetchrow(_SELECT_STATE, generation_id, account_id)
        if row is None:
            raise DomainError("not_found", "You have no scene with this id.")
        if row["status"] not in {"pending", "processing"}:
            raise DomainError(
                "scene_ended",
                f"There is nothing to cancel: the scene is {row['status']}.",
                status=row["status"],
            )
        return Cancelling(status=row["status"], cancel_requested_at=row["cancel_requested_at"])

    async def delete(self, account_id: UUID, generation_id: UUID, trace: Trace) -> None:
        """Delete an ended scene: row, removal of its objects, and event in one transaction.

        Raises `DomainError` not_found, or scene_unfinished.
        """
        now = datetime.now(UTC)
        async with self._pool.acquire() as connection, connection.transaction():
            # A separate statement: the next one then sees every export that locked this row before.
            row = await connection.fetchrow(f"{_SELECT_STATE} FOR NO KEY UPDATE", generation_id, account_id)
            if row is None:
                raise DomainError("not_found", "You have no scene with this id.")
            if row["status"] in {"pending", "processing"}:
                raise DomainError(
                    "scene_unfinished",
                    "Only a scene that has ended can be deleted; cancel it first.",
                    status=row["status"],
                )
            await delete_locked(connection, account_id, [generation_id], now, trace)


async def delete_locked(
    connection: asyncpg.Connection,
    account_id: UUID,
    generations: Sequence[UUID],
    now: datetime,
    trace: Trace,
) -> None:
    """Delete ended scenes of the account, whose rows the caller's transaction has locked (NO KEY UPDATE).

    ``now`` becomes the time of the rows and of their events.
    """
    await connection.execute(_DELETE, generations, now)
    for statement in _UNSHARE:
        await connection.execute(statement, generations)
    await removals.enqueue_scenes(connection, generations)
    events = [GenerationDeleted(generation_id=each, account_id=account_id) for each in generations]
    await outbox.enqueue_each(
        connection,
        [[outbox_record(topics.EVENTS, each, key=account_id, time=now, trace=trace)] for each in events],
    )
