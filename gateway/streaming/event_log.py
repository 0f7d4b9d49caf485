"""Reads the event log, the past of every stream. Must not write it: only the ledger does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg

from bus.contract import topics
from gateway.streaming.cursor import Cursor, Position, partition_of, text_of
from gateway.streaming.event import LOG_COLUMNS, StreamEvent, from_row

PAGE: Final = 500
PROJECTOR: Final = "ledger"
"""The name under which the ledger keeps its offsets in ``projector_offsets``."""
_NOT_YET: Final[Position] = (0, 0)
_REACHED: Final = (
    "SELECT partition, next_offset FROM projector_offsets WHERE projector = $1 AND epoch = $2 AND topic = $3"
)
_TOPIC_ID: Final = """
SELECT topic_id FROM projector_offsets
WHERE projector = $1 AND epoch = $2 AND topic = $3 AND topic_id IS NOT NULL LIMIT 1"""
_OF_SUBJECT: Final = (
    f"SELECT {LOG_COLUMNS} FROM event_log WHERE account_id = $1 AND subject = $2"  # noqa: S608
    ' AND ((epoch, "offset") > ($3, $4) OR type = ANY($5::text[])) ORDER BY epoch, "offset" LIMIT $6'
)
_OF_ACCOUNT: Final = (
    f"SELECT {LOG_COLUMNS} FROM event_log WHERE account_id = $1"  # noqa: S608
    ' AND (epoch, "offset") > ($2, $3) AND ($4::text[] IS NULL OR type = ANY($4)) ORDER BY epoch, "offset"'
    " LIMIT $5"
)
# Finds cursors below the offset that the log was shortened to; one right before it has missed nothing.
_OLDEST: Final = """
SELECT f.next_offset FROM event_log_floors f
WHERE f.epoch = $1 AND f.partition = $2 AND f.next_offset > $3::bigint + 1"""


class History:
    """Reads ``event_log`` and the ledger's position in it. ``epoch`` is that of the events topic.

    Each page comes with the position up to which the log was complete *before* the page was read: no event
    below it can be missing. That position is `_NOT_YET` while there are more pages.
    """

    def __init__(self, pool: asyncpg.Pool, *, epoch: int, partitions: int) -> None:
        self._pool, self._epoch, self._partitions = pool, epoch, partitions

    async def floors(self) -> Mapping[int, int]:
        """Return, for each partition, the offset up to which the log is complete."""
        rows = await self._pool.fetch(_REACHED, PROJECTOR, self._epoch, topics.EVENTS.name)
        return {row["partition"]: row["next_offset"] for row in rows}

    async def topic_id(self) -> UUID | None:
        """Return the id of the topic that the ledger has read; None where it has read none."""
        found: UUID | None = await self._pool.fetchval(_TOPIC_ID, PROJECTOR, self._epoch, topics.EVENTS.name)
        return found

    async def of_subject(
        self, account_id: UUID, subject: UUID, after: Position, endings: Sequence[str]
    ) -> tuple[Sequence[StreamEvent], Position]:
        """Return a page of the subject's events after ``after``, and its ending wherever that is."""
        return await self._page(account_id, PAGE, _OF_SUBJECT, subject, *after, list(endings))

    async def of_account(
        self, account_id: UUID, after: Position, *, types: Sequence[str] | None = None, limit: int = PAGE
    ) -> tuple[Sequence[StreamEvent], Position]:
        """Return a page of the account's events after ``after``, of some types or of all."""
        return await self._page(account_id, limit, _OF_ACCOUNT, *after, types)

    async def expired(self, cursor: Cursor) -> str | None:
        """Return the oldest valid cursor where events after ``cursor`` were removed; None otherwise."""
        row = await self._pool.fetchrow(_OLDEST, *cursor)
        if row is None:
            return None
        return text_of((cursor.epoch, row["next_offset"] - 1), cursor.partition)

    async def _page(
        self, account_id: UUID, limit: int, statement: str, *arguments: object
    ) -> tuple[Sequence[StreamEvent], Position]:
        async with self._pool.acquire() as connection:
            reached = await connection.fetchval(
                f"SELECT next_offset FROM ({_REACHED}) r WHERE partition = $4",  # noqa: S608  (constants)
                PROJECTOR,
                self._epoch,
                topics.EVENTS.name,
                partition_of(account_id, self._partitions),
            )
            rows = await connection.fetch(statement, account_id, *arguments, limit)
        projected = (self._epoch, reached or 0) if len(rows) < limit else _NOT_YET
        return [from_row(row) for row in rows], projected
