"""Keeps all cancellation requests in memory: reads the topic before the first job, then follows it.

Every worker reads the whole topic without a group, because a partition of commands may move to it at any
time. It must not write how a generation ended: only the owner of its command does.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from bus.contract import envelope
from bus.contract.topics import Topic
from bus.kafka import broker
from bus.runtime import tasks
from bus.runtime.errors import UndecodableError
from bus.runtime.settings import KafkaSettings
from inference_consumer import metrics

log = structlog.stdlib.get_logger(__name__)

_POLL_MS: Final = 500
_IDLE_FETCH_MS: Final = 5_000
"""How long Kafka holds a fetch without records; a record ends it. Nothing else waits on this connection."""
_AGAIN_S: Final = 2.0
_STOP_S: Final = 2.0


class Cancellations:
    """Known cancellation requests. `ready` is set once `run` has read those that existed at the start.

    A request is dropped when its record is older than the topic's retention; no command lives as long.
    ``heard`` is called after each new request. ``now`` is seconds since 1970.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        *,
        client_id: str,
        topic: Topic,
        heard: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._kafka, self._client_id, self._topic = kafka, client_id, topic
        self._heard, self._now = heard, now
        self._until: dict[UUID, float] = {}  # in order of arrival, which is nearly the order of expiry
        self.ready = asyncio.Event()

    def wanted(self, generation_id: UUID) -> bool:
        """Whether this generation's cancellation was requested."""
        return generation_id in self._until

    def note(self, generation_id: UUID, requested_at: float) -> None:
        """Remember a request unless it has expired, and drop expired ones."""
        until = requested_at + self._topic.retention_ms / 1000
        if until > self._now():
            self._until[generation_id] = until
        while self._until and next(iter(self._until.values())) <= self._now():
            del self._until[next(iter(self._until))]
        metrics.CANCELLATIONS_KNOWN.set(len(self._until))

    async def run(self) -> None:
        """Read and follow; after an error read again from the first record, which is idempotent."""
        while True:
            consumer = broker.consumer(
                self._kafka,
                client_id=f"{self._client_id}.cancellations",
                group_id=None,
                fetch_max_wait_ms=_IDLE_FETCH_MS,
            )
            try:
                await consumer.start()
                await self._follow(consumer)
            except Exception as error:  # noqa: BLE001  (whatever failed, reading again is idempotent)
                log.warning("cancellations_interrupted", error=repr(error), retry_in_s=_AGAIN_S)
                await asyncio.sleep(_AGAIN_S)
            finally:
                stopping = asyncio.ensure_future(consumer.stop())
                await asyncio.wait([stopping], timeout=_STOP_S)
                await tasks.end([stopping], within_s=_STOP_S)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        partitions = [TopicPartition(self._topic.name, number) for number in range(self._topic.partitions)]
        ends = await consumer.end_offsets(partitions)  # first: it would wait behind a fetch
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        while True:
            if not self.ready.is_set() and await _reached(consumer, ends):
                self.ready.set()
                log.info("cancellations_read", known=len(self._until))
            for records in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                for record in records:
                    self._take(record)

    def _take(self, record: Any) -> None:
        try:
            cancel_request = envelope.decode(
                self._topic, record.value, envelope.present(record.headers)
            ).message
        except UndecodableError as error:
            log.warning("cancellation_unreadable", offset=record.offset, error=error.message)
            return
        self.note(cancel_request.generation_id, record.timestamp / 1000)
        self._heard()


async def _reached(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> bool:
    for partition, end in ends.items():
        if await consumer.position(partition) < end:
            return False
    return True
