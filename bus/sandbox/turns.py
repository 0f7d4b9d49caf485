"""Shares slots among accounts: round robin, and never more than half of them to one account.

The half holds also while no other account waits: what runs cannot be taken back, and a photo that takes its
worker to the deadline must leave one for the next account.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Hashable


class Turns:
    """Slots for ``each`` calls of one account at once, twice that in all. One event loop at a time."""

    def __init__(self, each: int) -> None:
        self._each, self._free = each, 2 * each
        self._held: Counter[Hashable] = Counter()
        self._waiting: OrderedDict[Hashable, deque[asyncio.Future[None]]] = OrderedDict()

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
            if slot.done() and not slot.cancelled():  # granted at the moment of the cancellation
                self.give_back(account)
            raise

    def give_back(self, account: Hashable) -> None:
        """Return a slot, and grant it to the next account that waits and may have it."""
        self._free += 1
        self._held[account] -= 1
        if not self._held[account]:
            del self._held[account]
        for waiting in list(self._waiting):
            if self._free > 0 and self._held[waiting] < self._each:
                self._next_of(waiting)

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

    def _grant(self, account: Hashable) -> None:
        self._free -= 1
        self._held[account] += 1
