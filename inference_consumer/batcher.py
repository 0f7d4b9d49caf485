"""Decides which photos form the next batch and whether to wait for more, with an injected clock.

It never sleeps and runs nothing; `batch_runner.Inference` calls it. Interactive photos go before bulk ones,
and not in one batch with them, because a larger batch takes longer. Photos that were cancelled, have expired
or have no waiter any more never reach the engine.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from bus.contract.messages import Priority
from inference_consumer import metrics

MAX_BULK_WAIT_S: Final = 30.0
"""A bulk photo that has waited so long counts as interactive, because its record holds up others in Kafka."""
SHARE: Final = 0.25
"""The longest wait for one more photo, as a share of the batch's running time."""


@dataclass(eq=False, slots=True, kw_only=True)
class Waiting:
    """A prepared photo in the queue. ``check`` raises to end it early; ``began`` is called when it runs."""

    item: Any
    priority: Priority
    check: Callable[[], None]
    began: Callable[[], None]
    bytes: int
    since: float
    number: int
    future: asyncio.Future[Any]


class Batcher:
    """The queue in front of the engine.

    ``limit`` returns how many photos fit. ``seconds`` returns how long a batch of a size took last (0:
    unknown, then no batch waits). ``size`` returns an item's bytes. ``clock`` returns seconds.
    """

    def __init__(
        self,
        *,
        limit: Callable[[], int],
        seconds: Callable[[int], float],
        size: Callable[[Any], int],
        max_bytes: int,
        max_delay_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._seconds, self._size = limit, seconds, size
        self._max_bytes, self._max_delay_s, self._clock = max_bytes, max_delay_s, clock
        self._waiting: list[Waiting] = []
        self._numbers = count()
        self.coming: Counter[Priority] = Counter()
        """Photos that are being fetched or decoded. A batch waits only if there are any."""

    def put(
        self,
        item: Any,
        *,
        priority: Priority,
        check: Callable[[], None],
        began: Callable[[], None],
        future: asyncio.Future[Any],
    ) -> Waiting:
        """Queue an item. If ``size`` raises, its error is raised and nothing is queued."""
        waiting = Waiting(
            item=item,
            priority=priority,
            check=check,
            began=began,
            bytes=self._size(item),
            since=self._clock(),
            number=next(self._numbers),
            future=future,
        )
        self._waiting.append(waiting)
        metrics.WAITING.set(len(self._waiting))
        return waiting

    def sweep(self) -> None:
        """Remove photos that must stop; their futures get the reason."""
        self._keep(self._wanted)

    def wait_s(self, *, preempting: bool = False) -> float | None:
        """Return the seconds until the next batch is due: 0 for now, None if there is none.

        ``preempting``: only batches that may preempt a bulk batch. They do not wait for more photos.
        """
        self.sweep()
        if not self._waiting:
            return None
        first = self._first()
        later = self._later(first[0])
        if preempting:
            return None if later else 0.0
        batch = self._next()
        full = len(batch) >= self._limit() or len(batch) < len(first)  # by items, or by bytes
        coming = self.coming.total() if later else self.coming[Priority.INTERACTIVE]
        if full or coming == 0:
            return 0.0
        max_wait = min(self._max_delay_s, SHARE * self._seconds(len(batch)))
        oldest = min(each.since for each in first)
        return max(0.0, oldest + max_wait - self._clock())

    def take(self) -> list[Waiting]:
        """Remove the next batch from the queue and return it; empty if no photo is left."""
        self.sweep()
        batch = self._next()
        taken = {each.number for each in batch}
        self._keep(lambda each: each.number not in taken)
        return batch

    def close(self, error: Exception) -> None:
        """Fail all queued photos with ``error``."""
        for each in self._waiting:
            if not each.future.done():
                each.future.set_exception(error)
        self._keep(lambda _: False)

    def waited_s(self, each: Waiting) -> float:
        """Return how long the photo has been queued, in seconds."""
        return self._clock() - each.since

    def may_be_preempted(self, batch: list[Waiting]) -> bool:
        """Whether a photo that arrives later may go before the whole batch."""
        return bool(batch) and all(map(self._later, batch))

    def _first(self) -> list[Waiting]:
        """Return the queued photos of the first one's kind, interactive or bulk, in queue order."""
        waiting = sorted(self._waiting, key=self._rank)
        return [each for each in waiting if self._later(each) == self._later(waiting[0])]

    def _next(self) -> list[Waiting]:
        batch: list[Waiting] = []
        weight = 0
        for each in self._first()[: self._limit()]:
            weight += each.bytes
            if batch and weight > self._max_bytes:  # a single photo always runs, whatever its size
                break
            batch.append(each)
        return batch

    def _rank(self, each: Waiting) -> tuple[bool, int]:
        return self._later(each), each.number

    def _later(self, each: Waiting) -> bool:
        return each.priority is Priority.BULK and self.waited_s(each) < MAX_BULK_WAIT_S

    def _keep(self, wanted: Callable[[Waiting], bool]) -> None:
        self._waiting = [each for each in self._waiting if wanted(each)]
        metrics.WAITING.set(len(self._waiting))

    @staticmethod
    def _wanted(each: Waiting) -> bool:
        if each.future.done():  # its waiter was cancelled
            return False
        try:
            each.check()
        except Exception as error:  # noqa: BLE001 - belongs to that one alone
            each.future.set_exception(error)
            return False
        return True
