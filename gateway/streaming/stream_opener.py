"""Opens live streams: validates a client's cursor, waits until the hub knows its floor, counts streams."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from gateway.accounts.principal import Principal
from gateway.accounts.quotas import Quotas
from gateway.errors import DomainError
from gateway.metrics import Metrics
from gateway.streaming.cursor import BEGINNING, FIRST, Cursor, Position, parse, partition_of
from gateway.streaming.event_log import History
from gateway.streaming.event_tail import Tail
from gateway.streaming.hub import Hub
from gateway.streaming.sse_response import EventStream, Following

READY_TIMEOUT_S: Final = 5.0


class StreamOpener:
    """Opens streams of this gateway."""

    def __init__(self, hub: Hub, history: History, tail: Tail, quotas: Quotas, metrics: Metrics) -> None:
        self.hub = hub
        self.history = history
        self._tail = tail
        self._quotas = quotas
        self._metrics = metrics

    async def open(self, who: Principal, following: Following) -> EventStream:
        """Return the response. Raises `DomainError` too_many_streams; each gateway counts its own."""
        await self.wait_until_ready()
        most = (await self._quotas.of(who.account_id, who.role)).max_streams
        # Checked last: there is no await between this check and the counting of the stream.
        if self.hub.count(who.account_id) >= most:
            raise DomainError(
                "too_many_streams",
                f"The account has {most} live streams open; close one, or follow all its events in a single"
                " one.",
                retry_after_s=10,
                limit=most,
            )
        return EventStream(following, self.hub, self._metrics)

    async def position(self, account_id: UUID, given: str) -> Position:
        """Return the position of a cursor that a client sent.

        Raises `DomainError`: cursor_invalid for one that was never issued or lies in the future,
        cursor_expired where events after it were removed, temporarily_unavailable where that is unknown.
        """
        text = given.strip()
        if text == FIRST:
            return BEGINNING
        hub = self.hub
        cursor = parse(text, epoch=hub.epoch, partition=partition_of(account_id, hub.partitions))
        await self.wait_until_ready()
        if cursor.position >= hub.floor(account_id):
            if cursor.position > hub.now(account_id):
                await self._check_given(cursor)
        elif (oldest := await self.history.expired(cursor)) is not None:
            raise DomainError(
                "cursor_expired",
                "What follows this event was removed. Begin with details.oldest_cursor, and read anew what"
                " you keep of the account: you may have missed events.",
                oldest_cursor=oldest,
            )
        return cursor.position

    async def _check_given(self, cursor: Cursor) -> None:
        """Raise unless the position exists: the ledger or another gateway may have read further."""
        floors = await self.history.floors()
        if cursor.offset < floors.get(cursor.partition, 0):
            return
        end = await self._tail.end_of(cursor.partition)
        if end is None:
            raise DomainError(
                "temporarily_unavailable", "This gateway has not heard of that event yet; try again."
            )
        if cursor.offset >= end:
            raise DomainError(
                "cursor_invalid", "No event has this id yet; send one back that you were given."
            )

    async def wait_until_ready(self) -> None:
        """Wait until it is known where the rings begin. Raises `DomainError` temporarily_unavailable."""
        try:
            await self.hub.wait_ready(READY_TIMEOUT_S)
        except TimeoutError as error:
            raise DomainError(
                "temporarily_unavailable", "Live streams are not ready yet; try again."
            ) from error
