"""Load shedding: bounds the memory of all photos in hand, and an account's share of it.

Bytes are charged as they arrive, so a connection that sends nothing holds nothing. Some bodies of an account
are read at once; further ones wait for a moment, unread. What exceeds a limit gets 503 and Retry-After.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from uuid import UUID

from gateway.errors import DomainError

WAIT_S: Final = 10.0
"""How long a body waits for another of its account to end."""
SHARE: Final = 0.5
"""The part of all memory that one account may hold."""


class Held:
    """The bytes that one request holds."""

    def __init__(self, budget: Budget, account_id: UUID) -> None:
        self._budget, self._account_id, self.size = budget, account_id, 0

    def charge(self, size: int) -> None:
        """Hold ``size`` more bytes. Raises `DomainError` busy."""
        self._budget.take(self._account_id, size)
        self.size += size


class Budget:
    """The bytes of photos that this process may hold at once, ``at_once`` bodies of an account among them."""

    def __init__(self, most: int, *, at_once: int) -> None:
        self._left, self._most, self._at_once = most, most, at_once
        self._held: Counter[UUID] = Counter()
        self._slots: dict[UUID, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def of(self, account_id: UUID) -> AsyncIterator[Held]:
        """Hold what the body charges, until its end. Raises `DomainError` busy."""
        semaphore, users = self._slots.get(account_id, (asyncio.Semaphore(self._at_once), 0))
        self._slots[account_id] = semaphore, users + 1
        held = Held(self, account_id)
        try:
            try:
                async with asyncio.timeout(WAIT_S):
                    await semaphore.acquire()
            except TimeoutError as error:
                raise _busy(
                    f"The account sends {self._at_once} photos at once, which is its limit"
                ) from error
            try:
                yield held
            finally:
                semaphore.release()
                self._give_back(account_id, held.size)
        finally:
            semaphore, users = self._slots.pop(account_id)
            if users > 1:
                self._slots[account_id] = semaphore, users - 1

    def take(self, account_id: UUID, size: int) -> None:
        """Charge bytes to the account. Raises `DomainError` busy."""
        if size > self._left:
            raise _busy("Too many photos arrive at once")
        if self._held[account_id] + size > self._most * SHARE:
            raise _busy("The account sends as many bytes at once as it may")
        self._left -= size
        self._held[account_id] += size

    def _give_back(self, account_id: UUID, size: int) -> None:
        self._left += size
        self._held[account_id] -= size
        if self._held[account_id] <= 0:
            del self._held[account_id]


def _busy(sentence: str) -> DomainError:
    return DomainError("busy", f"{sentence}; try again in a moment.", retry_after_s=2)
