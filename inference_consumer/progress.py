"""Tells the world how far a generation is, as well as it goes: never waits, never fails, never lasts.

A plain idempotent producer outside all transactions. While Kafka is away messages are dropped, oldest first;
what counts stands in the events.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from bus.contract import envelope, ids, topics
from bus.contract.messages import GenerationProgress, Progress, type_of
from bus.kafka import broker
from bus.runtime import tasks
from bus.runtime.settings import KafkaSettings
from inference_consumer import metrics

log = structlog.stdlib.get_logger(__name__)

SOURCE: Final = "/sharpstream/inference"
"""The CloudEvents source of everything that this role says."""
CAPACITY: Final = 1000
"""Messages that wait to be sent: some 150 jobs' worth, 0.5 MB."""
_LINGER_MS: Final = 25
"""A quick job tells seven stages: in one request to Kafka, and one answer to each reader, not seven."""
_AGAIN_S: Final = 5.0
_FLUSH_S: Final = 1.0


def record_of(message: Progress, attempt: int) -> envelope.OutRecord:
    """Return the message as a record of the progress topic; its id is the same in a repeat of the attempt."""
    stage = message.stage.value if isinstance(message, GenerationProgress) else "started"
    return envelope.record(
        topics.PROGRESS,
        message,
        key=message.account_id,
        source=SOURCE,
        event_id=ids.event_id(message.generation_id, type_of(message), stage, str(attempt)),
    )


class ProgressPublisher:
    """Call it with a message and its attempt, from the loop; `run` sends until cancelled."""

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
        """Send what is queued; begin anew after every error."""
        while True:
            producer = broker.producer(
                self._kafka, client_id=f"{self._client_id}.progress", linger_ms=_LINGER_MS
            )
            try:
                await producer.start()
                await self._send_for_ever(producer)
            except (KafkaError, OSError, TimeoutError) as error:
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
    """Send the rest if that is a matter of a moment."""
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.wait([stopping], timeout=_FLUSH_S)
    await tasks.end([stopping], within_s=_FLUSH_S)
