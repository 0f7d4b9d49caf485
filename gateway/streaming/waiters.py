"""The registry of requests that wait for a scene's ending: woken by the hub's events, limited by account.

Must not read rows or build answers; `gateway.scenes.wait_for_scene` does.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from bus.contract.messages import GENERATION_ENDINGS
from gateway.streaming.event import StreamEvent

MOST_AT_ONCE: Final = 16
"""Requests of one account that may wait in one process; each holds a connection open."""
ENDINGS: Final = frozenset(str(kind.__struct_config__.tag) for kind in GENERATION_ENDINGS)
REMEMBERED: Final = 10_000
"""Recent endings that are kept: the ledger may not have written them yet when a request begins to wait."""


class Waiters:
    """The waiting requests by scene, and their number by account. Fed with every durable event."""

    def __init__(self) -> None:
        self._waiting: Counter[UUID] = Counter()
        self._calls: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._ended: dict[str, None] = {}  # in the order in which they were received
        self.closed = False

    def hear(self, event: StreamEvent) -> None:
        """Wake the requests that wait for the scene that this event ends."""
        if event.type not in ENDINGS:
            return
        self._ended[event.subject] = None
        if len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]
        for call in self._calls.get(event.subject, ()):
            call.set()

    def close(self) -> None:
        """Release all waiting requests, present and later ones: the process is about to stop."""
        self.closed = True
        for calls in self._calls.values():
            for call in calls:
                call.set()

    def full(self, account_id: UUID) -> bool:
        """Whether all slots of the account are taken."""
        return self._waiting[account_id] >= MOST_AT_ONCE

    @contextmanager
    def subscription(self, account_id: UUID, subject: str) -> Iterator[asyncio.Event | None]:
        """Take a slot; yield an event that the ending sets, None where the account has no free slot."""
        if self.full(account_id):
            yield None
            return
        call = asyncio.Event()
        if self.closed or subject in self._ended:
            call.set()
        self._waiting[account_id] += 1
        self._calls[subject].add(call)
        try:
            yield call
        finally:
            self._calls[subject].discard(call)
            if not self._calls[subject]:
                del self._calls[subject]
            self._waiting[account_id] -= 1
            if not self._waiting[account_id]:
                del self._waiting[account_id]
