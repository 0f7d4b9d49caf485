"""What aiokafka 0.14's fetcher lacks: a stop that ends, and time in which records gather.

It fetches again as soon as records are there, so that ten records in 50 ms are ten fetches of all partitions,
each built and parsed in Python. `gather` makes it wait after records have come.

It cancels the fetches in flight and awaits each. One that pauses after a failed fetch ends with
`asyncio.CancelledError`, which then leaves `AIOKafkaConsumer.stop`: to its caller that looks like a
cancellation of its own task, and the consumer's sockets stay open. So an unreachable Kafka could end a
process that meant to connect again. Importing this module mends it for every consumer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from aiokafka.consumer import consumer
from aiokafka.consumer.fetcher import Fetcher

from bus.runtime import tasks


def fixed(seconds: float) -> Callable[[], float]:
    """Return a time to gather that is always the same."""
    return lambda: seconds


AT_ONCE: Final = fixed(0.0)
"""Records do not gather."""


class GatheringFetcher(Fetcher):  # type: ignore[misc]
    """A fetcher that lets records gather, and whose `close` is cancelled only where its caller is."""

    gather_s: Callable[[], float] = staticmethod(AT_ONCE)

    async def _proc_fetch_request(self, assignment: Any, node_id: int, request: Any) -> bool:
        """Fetch; where records came, hand them over at once and keep the node busy while more gather."""
        if not await super()._proc_fetch_request(assignment, node_id, request):
            return False
        seconds = self.gather_s()
        if not seconds:
            return True
        for waiter in self._fetch_waiters:
            self._notify(waiter)
        with suppress(asyncio.CancelledError):  # closed, or assigned anew
            await asyncio.sleep(seconds)
        return False

    async def close(self) -> None:
        """End the fetches in flight."""
        try:
            await super().close()
        except asyncio.CancelledError:
            tasks.check_cancelled()
            await tasks.end(tuple(self._pending_tasks))


def gather(of: Any, seconds: Callable[[], float]) -> None:
    """Let records of this consumer, which is started, gather for so long each time after some have come."""
    of._fetcher.gather_s = seconds  # noqa: SLF001


consumer.Fetcher = GatheringFetcher
