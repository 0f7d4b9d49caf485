"""Stopping a consumer: aiokafka 0.14 raises what it has cancelled itself.

Its fetcher cancels the fetches in flight and awaits each. One that pauses after a failed fetch ends with
`asyncio.CancelledError`, which then leaves `AIOKafkaConsumer.stop`: to its caller that looks like a
cancellation of its own task, and the consumer's sockets stay open. So an unreachable Kafka could end a
process that meant to connect again. Importing this module mends it for every consumer.
"""

from __future__ import annotations

import asyncio

from aiokafka.consumer import consumer
from aiokafka.consumer.fetcher import Fetcher

from bus.runtime import tasks


class ClosingFetcher(Fetcher):  # type: ignore[misc]
    """A fetcher whose `close` raises `asyncio.CancelledError` only where its caller is cancelled."""

    async def close(self) -> None:
        """End the fetches in flight."""
        try:
            await super().close()
        except asyncio.CancelledError:
            tasks.check_cancelled()
            await tasks.end(tuple(self._pending_tasks))


consumer.Fetcher = ClosingFetcher
