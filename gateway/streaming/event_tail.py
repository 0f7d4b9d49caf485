"""Follows the events and progress topics for the hub: all partitions, no group, nothing committed.

Begins where the event log ends, so that log and ring overlap by construction. While Kafka cannot be reached
it retries with growing pauses and resumes where it stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from bus.bridges import log_identity
from bus.bridges.log_identity import LogReplacedError
from bus.contract import topics
from bus.contract.envelope import present
from bus.contract.topics import Topic
from bus.kafka import broker, topic_ids
from bus.runtime.backoff import Backoff
from bus.runtime.settings import KafkaSettings
from gateway.streaming.cursor import Cursor
from gateway.streaming.event import from_record
from gateway.streaming.hub import Hub

Floors = Callable[[], Awaitable[Mapping[int, int]]]
TopicId = Callable[[], Awaitable[UUID | None]]
_log = structlog.stdlib.get_logger(__name__)

POLL_MS: Final = 1_000
MOST_AT_ONCE: Final = 200
"""Records published before they are flushed: fewer than a reader may lag, so a burst drops no reader."""
CHECK_EVERY_S: Final = 10.0
"""aiokafka hides a lost broker from its caller, so a silent tail probes the broker this often."""
CHECK_TIMEOUT_S: Final = 10.0
FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 15.0


class Tail:
    """One process's consumer of the topics. ``state`` is for the readiness check.

    ``known``: returns the id of the events topic that the ledger has read; another one is not followed.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        hub: Hub,
        floors: Floors,
        known: TopicId,
        *,
        events: Topic = topics.EVENTS,
        progress: Topic = topics.PROGRESS,
    ) -> None:
        self._kafka, self._hub, self._floors, self._known = kafka, hub, floors, known
        self._events, self._progress = events, progress
        self._consumer: Any = None
        self.state = "connecting"

    async def run(self) -> None:
        """Follow until cancelled."""
        failures, backoff = 0, Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while True:
            try:
                if not self._hub.ready:
                    self._hub.set_floors(await self._floors())
                await self._follow()
            except Exception as error:  # noqa: BLE001  (live streams must recover from any error)
                failures += 1
                if self.state == "connected":
                    failures = 0
                    backoff.reset()
                self.state = "replaced" if isinstance(error, LogReplacedError) else "unreachable"
                _log.warning("tail_interrupted", error=repr(error), failures=failures)
                await backoff.sleep()

    async def end_of(self, partition: int) -> int | None:
        """Return the offset after the partition's last committed event; None where Kafka is unreachable."""
        topic_partition = TopicPartition(self._events.name, partition)
        if self._consumer is None:
            return None
        try:
            async with asyncio.timeout(CHECK_TIMEOUT_S):
                ends: dict[TopicPartition, int] = await self._consumer.end_offsets([topic_partition])
        except (KafkaError, OSError, TimeoutError):
            return None
        return ends[topic_partition]

    async def _follow(self) -> None:
        consumer = broker.consumer(
            self._kafka,
            client_id="sharpstream-tail",
            group_id=None,
            request_timeout_ms=int(CHECK_TIMEOUT_S * 1000),
        )
        try:
            await consumer.start()
            found = await topic_ids.read(consumer, [self._events.name])
            log_identity.require_same([(self._events.name, await self._known())], found)
            await self._seek(consumer)
            self._consumer = consumer
            self.state = "connected"
            _log.info("tail_connected")
            await self._pump(consumer)
        finally:
            self._consumer = None
            await consumer.stop()

    async def _seek(self, consumer: Any) -> None:
        events = [TopicPartition(self._events.name, p) for p in range(self._hub.partitions)]
        progress = [TopicPartition(self._progress.name, p) for p in range(self._progress.partitions)]
        consumer.assign([*events, *progress])
        for partition, offset in self._hub.positions().items():
            consumer.seek(TopicPartition(self._events.name, partition), offset)
        for topic_partition, offset in (await consumer.end_offsets(progress)).items():
            consumer.seek(topic_partition, offset)

    async def _pump(self, consumer: Any) -> None:
        loop = asyncio.get_running_loop()
        heard = loop.time()
        probe = TopicPartition(self._events.name, 0)
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=MOST_AT_ONCE)
            for topic_partition, records in batches.items():
                for record in records:
                    self._hand_over(topic_partition, record)
            await self._hub.flushed()
            if batches:
                heard = loop.time()
            elif loop.time() - heard > CHECK_EVERY_S:
                await asyncio.wait_for(consumer.end_offsets([probe]), CHECK_TIMEOUT_S)
                heard = loop.time()

    def _hand_over(self, topic_partition: TopicPartition, record: Any) -> None:
        durable = topic_partition.topic == self._events.name
        cursor = Cursor(self._hub.epoch, topic_partition.partition, record.offset) if durable else None
        try:
            event = from_record(cursor, key=record.key, value=record.value, headers=present(record.headers))
        except ValueError as error:
            _log.warning(
                "tail_skipped_record",
                topic=topic_partition.topic,
                partition=topic_partition.partition,
                offset=record.offset,
                error=str(error),
            )
            return
        if durable:
            self._hub.publish(event)
        else:
            self._hub.broadcast(event)
