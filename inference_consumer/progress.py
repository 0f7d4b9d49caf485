"""Publishes the progress of generations on a best-effort basis: it never blocks and never fails a job.

It uses an idempotent producer outside all transactions. While Kafka is unavailable messages are dropped,
oldest first; endings are published as events.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer

from bus.contract import envelope, ids, topics
from bus.contract.messages import GenerationProgress, Progress, type_of
from bus.kafka import broker
from bus.runtime import tasks
from bus.runtime.settings import KafkaSettings
from inference_consumer import metrics

log = structlog.stdlib.get_logger(__name__)

SOURCE: Final = "/sharpstream/inference"
"""The CloudEvents source of this role's messages."""
CAPACITY: Final = 1000
"""Messages that may wait to be sent: those of about 150 jobs, 0.5 MB."""
_LINGER_MS: Final = 25
"""Puts what several jobs publish at once into one request to Kafka and one response to each reader."""
_AGAIN_S: Final = 5.0
_FLUSH_S: Final = 1.0


def record_of(message: Progress, attempt: int) -> envelope.OutRecord:
    """Return the message as a record of the progress topic. Its id is stable when the attempt is repeated."""
    stage = message.stage.value if isinstance(message, GenerationProgress) else "started"
    return envelope.record(
        topics.PROGRESS,
        message,
        key=message.account_id,
        source=SOURCE,
        event_id=ids.event_id(message.generation_id, type_of(message), stage, str(attempt)),
    )


class ProgressPublisher:
    """Queues messages, called from the loop with a message and its attempt; `run` sends them."""

    def __init__(self, kafka: KafkaSettings, *, client_id: str) -> None:
        self._kafka, self._client_id = kafka, client_id
        self._waiting: deque[envelope.OutRecord] = deque()
        self._wake = asyncio.Event()

    def __call__(self, message: Progress, attempt: int) -> None:
        """Queue the message."""
        if len(self._waiting) == CAPACITY:
            self._waiting.popleft()
            metrics.PROGRESS_DROPPED.inc()
        self._waiting.append(record_of(message, attempt))
        self._wake.set()

    async def run(self) -> None:
        """Send queued messages until cancelled; reconnect after every error."""
        while True:
            producer = broker.producer(
                self._kafka, client_id=f"{self._client_id}.progress", linger_ms=_LINGER_MS
            )
            try:
                await producer.start()
                await self._send_for_ever(producer)
            except Exception as error:  # noqa: BLE001  (progress may be lost, the loop may not)
                log.warning("progress_not_sent", error=repr(error), retry_in_s=_AGAIN_S)
                await asyncio.sleep(_AGAIN_S)
            finally:
                await _stop(producer)

    async def _send_for_ever(self, producer: AIOKafkaProducer) -> None:
        while True:
            self._wake.clear()
            while self._waiting:
                each = self._waiting.popleft()
                sent = await producer.send(each.topic, key=each.key, value=each.value, headers=each.headers)
                sent.add_done_callback(_seen)
            await self._wake.wait()


def _seen(sent: asyncio.Future[object]) -> None:
    if not sent.cancelled() and sent.exception() is not None:
        metrics.PROGRESS_DROPPED.inc()


async def _stop(producer: AIOKafkaProducer) -> None:
    """Stop the producer, sending the rest if that is quick."""
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.wait([stopping], timeout=_FLUSH_S)
    await tasks.end([stopping], within_s=_FLUSH_S)
