"""Shares slots among accounts: the next is for the one that holds the fewest, and of equals they take turns.

An account that has many requests waiting holds up no other, however long it has waited.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Turns:
    """``slots`` in all, of which one account holds at most ``each``. One event loop at a time.

    The limit of one account holds also while no other waits: what runs long cannot be taken back.
    """

    def __init__(self, slots: int, each: int | None = None) -> None:
        self._each, self._free = slots if each is None else each, slots
        self._held: Counter[Hashable] = Counter()
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def of(self, account: Hashable) -> AsyncIterator[None]:
        """Wait for a slot and hold it for the body."""
        await self.take(account)
        try:
            yield
        finally:
            self.give_back(account)

    async def take(self, account: Hashable) -> None:
        """Wait for a slot; the caller returns it with `give_back`."""
        if self._free > 0 and self._held[account] < self._each:
            self._grant(account)
            return
        slot: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(account, deque()).append(slot)
        try:
            await slot
        except asyncio.CancelledError:
            if not slot.cancelled():  # granted at the moment of the cancellation
                self.give_back(account)
            else:
                self._forget(account, slot)
            raise

    def give_back(self, account: Hashable) -> None:
        """Return a slot, and grant what is free to accounts that wait and may have it."""
        self._free += 1
        self._held[account] -= 1
        if not self._held[account]:
            del self._held[account]
        while self._free > 0:
            may = [waiting for waiting in self._waiting if self._held[waiting] < self._each]
            if not may:
                return
            self._next_of(min(may, key=self._held.__getitem__))

    def _next_of(self, account: Hashable) -> None:
        """Grant the account's oldest request that still waits, and put the account behind the others."""
        slots = self._waiting.pop(account)
        while slots:
            slot = slots.popleft()
            if not slot.done():  # else it was cancelled
                self._grant(account)
                slot.set_result(None)
                break
        if slots:
            self._waiting[account] = slots

    def _forget(self, account: Hashable, slot: asyncio.Future[None]) -> None:
        slots = self._waiting.get(account)
        if slots and slot in slots:
            slots.remove(slot)
            if not slots:
                del self._waiting[account]

    def _grant(self, account: Hashable) -> None:
        self._free -= 1
        self._held[account] += 1
