"""The event log as the past of a stream; written by the ledger, only read here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from uuid import UUID

import asyncpg

from bus import topics
from gateway.cursor import Cursor, Position, partition_of
from gateway.store.scenes import ENDINGS
from gateway.stream import StreamEvent

PAGE: Final = 500
PROJECTOR: Final = "ledger"
"""The name under which the ledger keeps its place in ``projector_offsets``."""
_NOT_YET: Final[Position] = (0, 0)


class History:
    """Reads ``event_log`` and how far the ledger has written it. ``epoch`` is that of the events topic."""

    def __init__(self, pool: asyncpg.Pool, *, epoch: int, partitions: int) -> None:
        self._pool, self._epoch, self._partitions = pool, epoch, partitions

    async def floors(self) -> Mapping[int, int]:
        """Return, for each partition, the offset up to which the log is complete."""
        rows = await self._pool.fetch(
            "SELECT partition, next_offset FROM projector_offsets"
            " WHERE projector = $1 AND epoch = $2 AND topic = $3",
            PROJECTOR,
            self._epoch,
            topics.EVENTS.name,
        )
        return {row["partition"]: row["next_offset"] for row in rows}

    async def of_subject(
        self, account_id: UUID, subject: UUID, after: Position
    ) -> tuple[Sequence[StreamEvent], Position]:
        """Return a page of the subject's events after ``after`` (its ending always), and what was complete.

        The second is read before the first: nothing below it can be missing from the page. It stays at
        the very beginning while there are more pages.
        """
        async with self._pool.acquire() as connection:
            reached = await connection.fetchval(
                "SELECT next_offset FROM projector_offsets"
                " WHERE projector = $1 AND epoch = $2 AND topic = $3 AND partition = $4",
                PROJECTOR,
                self._epoch,
                topics.EVENTS.name,
                partition_of(account_id, self._partitions),
            )
            rows = await connection.fetch(
                'SELECT epoch, partition, "offset", event_id, type, source, time, body::text AS body'
                " FROM event_log WHERE subject = $1 AND account_id = $2"
                ' AND ((epoch, "offset") > ($3, $4) OR type = ANY($5::text[]))'
                ' ORDER BY epoch, "offset" LIMIT $6',
                subject,
                account_id,
                *after,
                list(ENDINGS),
                PAGE,
            )
        events = [_event(row, account_id, str(subject)) for row in rows]
        return events, (self._epoch, reached or 0) if len(rows) < PAGE else _NOT_YET


def _event(row: asyncpg.Record, account_id: UUID, subject: str) -> StreamEvent:
    return StreamEvent(
        cursor=Cursor(row["epoch"], row["partition"], row["offset"]),
        account_id=account_id,
        id=str(row["event_id"]),
        type=row["type"],
        source=row["source"],
        time=row["time"],
        subject=subject,
        body=row["body"].encode(),
    )
