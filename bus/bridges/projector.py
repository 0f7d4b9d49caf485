"""The bridge from Kafka to Postgres: a FastStream batch subscriber in front of a `Projector`.

`bus.kafka.batch_middleware` binds the ids of a batch, and its projector, to the log lines.

The offset in Postgres is authoritative, the group's offset in Kafka only a hint where to begin, committed
every `HINT_S` because Kafka syncs each commit to disk. At the first records of each assignment the two are
compared, and where Kafka is ahead (a restored database) the consumer seeks back. Where the topic is another
one than was projected (`bus.bridges.log_identity`), the projector stands still and says so, until it is
assigned the right one. Must not decode: FastStream logs a body that it cannot decode and continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage
from faststream.message import AckStatus

from bus.bridges.log_identity import LogReplacedError
from bus.bridges.postgres_errors import PASSING
from bus.bridges.projection import Apply, PartitionKey, Projector, RawRecord, raw_record
from bus.contract.topics import Topic
from bus.kafka import fetcher, topic_ids
from bus.kafka.batch_middleware import Batch
from bus.kafka.static_membership import FencedInstanceIdError
from bus.runtime import tasks
from bus.runtime.backoff import Backoff
from bus.runtime.errors import FencedError, TransientError

__all__ = ["Apply", "Projector", "RawRecord", "raw_record", "subscribe"]

log = structlog.stdlib.get_logger(__name__)

DAY_MS: Final = 24 * 3600 * 1000
HINT_S: Final = 2.0
"""After a crash so many seconds of records are read again, and found in Postgres."""
STOP_S: Final = 2.0
"""How long a stop waits for the last hint: aiokafka tries for ever where Kafka is away."""
IDLE_MS: Final = 1_000
"""How long a read waits for records; the first ones end it."""
IDLE_FETCH_MS: Final = 3_000
"""How long Kafka holds a fetch without records; it holds what follows on the connection as long."""


def subscribe(
    broker: KafkaBroker,
    projector: Projector,
    *,
    topics: Sequence[Topic],
    group: str,
    instance_id: str | None = None,
    max_records: int = 2000,
    gather_s: Callable[[], float] = fetcher.AT_ONCE,
    session_timeout_s: float = 30.0,
    heartbeat_s: float = 2.0,
) -> Any:
    """Subscribe ``projector`` on ``broker``; return the subscriber, which the broker starts and stops.

    A batch is acknowledged after its transaction. While Postgres is unreachable the batch waits and
    heartbeats continue. Any other error of ``apply`` stops the projector permanently, without
    acknowledgement, and `Projector.watch` raises it: skipping would lose records, continuing would lose their
    order. ``instance_id``: the same after a restart of the same worker; None leaves the group at each stop.
    ``gather_s``: how long records gather after some have come, asked each time.
    """
    feed = _Feed(projector, gather_s)
    subscriber: Any = broker.subscriber(
        *(topic.name for topic in topics),
        batch=True,
        max_records=max_records,
        batch_timeout_ms=IDLE_MS,
        fetch_max_wait_ms=IDLE_FETCH_MS,
        group_id=group,
        group_instance_id=instance_id,
        ack_policy=AckPolicy.MANUAL,  # every other policy commits a failed batch or seeks for ever
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        session_timeout_ms=int(session_timeout_s * 1000),
        rebalance_timeout_ms=int(session_timeout_s * 1000),
        heartbeat_interval_ms=int(heartbeat_s * 1000),
        # There is no poll while a batch waits for Postgres. Another member would wait just the same.
        max_poll_interval_ms=DAY_MS,
        listener=feed,
        parser=feed.parse,
        decoder=_leave,
        no_reply=True,
    )
    feed.subscriber = subscriber
    subscriber(feed.handle)
    subscriber.stop = _then(feed.stop, subscriber.stop)
    return subscriber


def _then(first: Callable[[], Awaitable[None]], second: Callable[[], Awaitable[None]]) -> Any:
    async def both() -> None:
        await first()
        await second()

    return both


async def _leave(_message: Any) -> None:
    """Decode nothing."""


class _Feed(ConsumerRebalanceListener):  # type: ignore[misc]
    """Feeds batches to the projector, and tracks rebalances."""

    def __init__(self, projector: Projector, gather_s: Callable[[], float] = fetcher.AT_ONCE) -> None:
        self._projector, self._gather_s = projector, gather_s
        self._hints: dict[TopicPartition, int] = {}
        """The next offset of each partition with records projected since the last commit."""
        self._hinting: asyncio.Task[None] | None = None
        self._aligned: dict[PartitionKey, int] = {}
        """The next offset of each partition whose position was compared."""
        self._identified: set[str] = set()
        self._assignment = 0
        self.subscriber: Any = None

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Discard the compared positions."""
        self._aligned.clear()
        self._hints.clear()
        self._identified.clear()
        self._assignment += 1

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Compare the topics; the first records of each partition are compared with Postgres later."""
        fetcher.gather(self.subscriber.consumer, self._gather_s)
        with suppress(*PASSING, KafkaError):  # done again before records are projected
            try:
                await self._identify({tp.topic for tp in assigned})
            except LogReplacedError as error:
                self._halt(error)

    def on_fenced(self, error: FencedInstanceIdError) -> None:
        """Stop the projector, so that the process ends: FastStream would log the error and retry for ever."""
        self._projector.fail(FencedError(str(error)))

    async def parse(self, records: tuple[ConsumerRecord, ...]) -> Batch:
        """Return the batch unparsed; FastStream's own parser fails on a header that is not UTF-8."""
        return Batch(records, projector=self._projector.name, consumer=self.subscriber.consumer)

    async def handle(self, message: KafkaMessage) -> None:
        """Project one batch, however long it takes, then acknowledge it."""
        if self._projector.error is not None or self._projector.halted is not None:
            return  # nothing more is projected or acknowledged
        records = [raw_record(each) for each in message.raw_message]
        try:
            done = await self._project(message.consumer, records)
        except Exception as error:
            self._projector.fail(error)
            # Not StopConsume: FastStream would then cancel the task that closes the consumer.
            consumer = self.subscriber.consumer
            consumer.pause(*consumer.assignment())
            raise
        if done:
            message.committed = AckStatus.ACKED  # with the next hint
            if self._hinting is None or self._hinting.done():
                self._hinting = asyncio.ensure_future(self._hint_soon())

    async def stop(self) -> None:
        """Commit what is projected, if Kafka answers; the consumer is closed next."""
        if self._hinting is not None:
            await tasks.end([self._hinting], within_s=STOP_S)
        last = asyncio.ensure_future(self._hint())
        await asyncio.wait([last], timeout=STOP_S)
        await tasks.end([last], within_s=STOP_S)

    async def _hint_soon(self) -> None:
        while self._hints:
            await asyncio.sleep(HINT_S)
            await self._hint()

    async def _hint(self) -> None:
        consumer = self.subscriber.consumer
        mine = consumer.assignment() if consumer is not None else ()
        hints, self._hints = {tp: offset for tp, offset in self._hints.items() if tp in mine}, {}
        if hints:
            try:
                await consumer.commit(hints)
            except KafkaError as error:  # a rebalance came first; Postgres has the offset
                log.warning("hint_failed", error=str(error))

    async def _project(self, consumer: AIOKafkaConsumer, records: list[RawRecord]) -> bool:
        backoff = Backoff()
        while True:
            try:
                fitting = await self._align(consumer, records)
                if fitting is None:
                    return False
                await self._projector.project(fitting)
            except LogReplacedError as error:
                self._halt(error)
                return False
            except (*PASSING, TransientError, KafkaError) as error:
                log.warning("projector_waits", error=repr(error), s=backoff.wait_s)
                await backoff.sleep()
            else:
                # A partition that was revoked meanwhile is compared anew at its next assignment.
                nexts = {record.partition_key: record.offset + 1 for record in fitting}
                held = nexts.keys() & self._aligned.keys()
                self._aligned |= {key: nexts[key] for key in held}
                self._hints |= {TopicPartition(*key): nexts[key] for key in held}
                return True

    def _halt(self, error: LogReplacedError) -> None:
        self._projector.halt(error)
        consumer = self.subscriber.consumer
        consumer.pause(*consumer.assignment())

    async def _identify(self, topics: set[str]) -> None:
        if missing := topics - self._identified:
            assignment = self._assignment
            await self._projector.identify(await topic_ids.read(self.subscriber.consumer, missing))
            if assignment == self._assignment:
                self._identified |= missing
                self._projector.halt(None)

    async def _align(self, consumer: AIOKafkaConsumer, records: list[RawRecord]) -> list[RawRecord] | None:
        """Return the records that continue Postgres' offsets; seek back where they do not.

        Returns None where the assignment has changed meanwhile: the records may belong to another member.
        """
        first = {record.partition_key: record.offset for record in reversed(records)}
        # Earlier ones than expected are repeats, or of a topic that was made anew.
        unknown = {key for key, offset in first.items() if offset < self._aligned.get(key, offset + 1)}
        if not unknown:
            return records
        assignment = self._assignment
        self._identified -= {topic for topic, _ in unknown & self._aligned.keys()}
        await self._identify({topic for topic, _ in unknown})
        reached = await self._projector.reached(unknown)
        if assignment != self._assignment:
            return None
        ahead = {partition_key for partition_key in unknown if first[partition_key] > reached[partition_key]}
        for partition_key in ahead:
            log.info("projector_goes_back", to=reached[partition_key], partition_key=partition_key)
            consumer.seek(TopicPartition(*partition_key), reached[partition_key])
        self._aligned |= dict.fromkeys(unknown, 0)
        return [record for record in records if record.partition_key not in ahead]
