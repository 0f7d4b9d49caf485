"""Accounts take turns: the next export to begin is one of the account that has the fewest running.

Kafka hands records over in their order, so without turns the first account's exports would all go first.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID


class Turns:
    """Lets ``at_once`` exports run."""

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._running: Counter[UUID] = Counter()
        self._waiting: list[tuple[UUID, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def of(self, account_id: UUID) -> AsyncIterator[None]:
        """Wait for the account's turn and hold it for the body."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((account_id, turn))
        self._begin()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove((account_id, turn))
            else:  # cancelled in the moment that its turn came
                self._end(account_id)
            raise
        try:
            yield
        finally:
            self._end(account_id)

    def _end(self, account_id: UUID) -> None:
        self._free += 1
        self._running[account_id] -= 1
        if not self._running[account_id]:
            del self._running[account_id]
        self._begin()

    def _begin(self) -> None:
        """Begin those whose turn it is; of equals, the one that waits longest."""
        while self._free:
            open_ = [each for each in self._waiting if not each[1].done()]
            if not open_:
                return
            chosen = min(open_, key=lambda each: self._running[each[0]])
            self._waiting.remove(chosen)
            self._free -= 1
            self._running[chosen[0]] += 1
            chosen[1].set_result(None)
