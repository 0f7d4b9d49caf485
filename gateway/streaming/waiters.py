"""Who waits for the end of which scene: woken by the events that the hub hands on, bounded by account.

Knows nothing of rows or answers; `gateway.scenes.wait_for_scene` does the waiting.
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
"""Endings that were heard lately: the ledger may not have written them when somebody begins to wait."""


class Waiters:
    """Who waits for which scene, and how many of each account do. Fed with every durable event."""

    def __init__(self) -> None:
        self._waiting: Counter[UUID] = Counter()
        self._calls: defaultdict[str, set[asyncio.Event]] = defaultdict(set)
        self._ended: dict[str, None] = {}  # in the order in which they were heard
        self.closed = False

    def hear(self, event: StreamEvent) -> None:
        """Wake whoever waits for the scene that this event ends."""
        if event.type not in ENDINGS:
            return
        self._ended[event.subject] = None
        if len(self._ended) > REMEMBERED:
            del self._ended[next(iter(self._ended))]
        for call in self._calls.get(event.subject, ()):
            call.set()

    def close(self) -> None:
        """Let everybody go, now and from now on: the process is about to stop."""
        self.closed = True
        for calls in self._calls.values():
            for call in calls:
                call.set()

    def full(self, account_id: UUID) -> bool:
        """Whether all places of the account are taken."""
        return self._waiting[account_id] >= MOST_AT_ONCE

    @contextmanager
    def subscription(self, account_id: UUID, subject: str) -> Iterator[asyncio.Event | None]:
        """Take a place; yields what is set at the end, None where all places of the account are taken."""
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
