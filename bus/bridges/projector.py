"""The bridge from Kafka to Postgres: a FastStream batch subscriber in front of a `Projector`.

`bus.kafka.batch_middleware` binds the ids of a batch, and its projector, to the log lines.

The offset in Postgres is authoritative, the group's offset in Kafka only a hint where to begin. At the first
records of each assignment the two are compared, and where Kafka is ahead (a restored database) the consumer
seeks back. Must not decode: FastStream logs a body that it cannot decode and continues.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.annotations import KafkaMessage

from bus.bridges.postgres_errors import PASSING
from bus.bridges.projection import Apply, PartitionKey, Projector, RawRecord, raw_record
from bus.contract.topics import Topic
from bus.kafka.batch_middleware import Batch
from bus.kafka.static_membership import FencedInstanceIdError
from bus.runtime.backoff import Backoff
from bus.runtime.errors import FencedError, TransientError

__all__ = ["Apply", "Projector", "RawRecord", "raw_record", "subscribe"]

log = structlog.stdlib.get_logger(__name__)

DAY_MS: Final = 24 * 3600 * 1000


def subscribe(
    broker: KafkaBroker,
    projector: Projector,
    *,
    topics: Sequence[Topic],
    group: str,
    instance_id: str | None = None,
    max_records: int = 2000,
    batch_timeout_ms: int = 50,
    session_timeout_s: float = 30.0,
    heartbeat_s: float = 2.0,
) -> Any:
    """Subscribe ``projector`` on ``broker``; return the subscriber, which the broker starts and stops.

    A batch is acknowledged after its transaction. While Postgres is unreachable the batch waits and
    heartbeats continue. Any other error of ``apply`` stops the projector permanently, without
    acknowledgement, and `Projector.watch` raises it: skipping would lose records, continuing would lose their
    order. ``instance_id``: the same after a restart of the same worker; None leaves the group at each stop.
    """
    feed = _Feed(projector)
    subscriber: Any = broker.subscriber(
        *(topic.name for topic in topics),
        batch=True,
        max_records=max_records,
        batch_timeout_ms=batch_timeout_ms,
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
    return subscriber


async def _leave(_message: Any) -> None:
    """Decode nothing."""


class _Feed(ConsumerRebalanceListener):  # type: ignore[misc]
    """Feeds batches to the projector, and tracks rebalances."""

    def __init__(self, projector: Projector) -> None:
        self._projector = projector
        self._aligned: set[PartitionKey] = set()
        self._assignment = 0
        self.subscriber: Any = None

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Discard the compared positions."""
        self._aligned.clear()
        self._assignment += 1

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Do nothing: the first records of each partition are compared with Postgres."""

    def on_fenced(self, error: FencedInstanceIdError) -> None:
        """Stop the projector, so that the process ends: FastStream would log the error and retry for ever."""
        self._projector.fail(FencedError(str(error)))

    async def parse(self, records: tuple[ConsumerRecord, ...]) -> Batch:
        """Return the batch unparsed; FastStream's own parser fails on a header that is not UTF-8."""
        return Batch(records, projector=self._projector.name, consumer=self.subscriber.consumer)

    async def handle(self, message: KafkaMessage) -> None:
        """Project one batch, however long it takes, then acknowledge it."""
        if self._projector.error is not None:
            return  # nothing more is projected or acknowledged; the process is about to end
        records = [raw_record(each) for each in message.raw_message]
        try:
            done = await self._project(message.consumer, records)
        except Exception as error:
            self._projector.fail(error)
            # Not StopConsume: FastStream would then cancel the task that closes the consumer.
            consumer = self.subscriber.consumer
            consumer.pause(*consumer.assignment())
            raise
        if not done:
            return
        try:
            await message.ack()
        except KafkaError as error:  # a rebalance came first; Postgres has the offset
            log.warning("acknowledge_failed", error=str(error))

    async def _project(self, consumer: AIOKafkaConsumer, records: list[RawRecord]) -> bool:
        backoff = Backoff()
        while True:
            try:
                fitting = await self._align(consumer, records)
                if fitting is None:
                    return False
                await self._projector.project(fitting)
            except (*PASSING, TransientError) as error:
                log.warning("projector_waits", error=repr(error), s=backoff.wait_s)
                await backoff.sleep()
            else:
                return True

    async def _align(self, consumer: AIOKafkaConsumer, records: list[RawRecord]) -> list[RawRecord] | None:
        """Return the records that continue Postgres' offsets; seek back where they do not.

        Returns None where the assignment has changed meanwhile: the records may belong to another member.
        """
        unknown = {record.partition_key for record in records} - self._aligned
        if not unknown:
            return records
        assignment = self._assignment
        reached = await self._projector.reached(unknown)
        if assignment != self._assignment:
            return None
        first = {record.partition_key: record.offset for record in reversed(records)}
        ahead = {partition_key for partition_key in unknown if first[partition_key] > reached[partition_key]}
        for partition_key in ahead:
            log.info("projector_goes_back", to=reached[partition_key], partition_key=partition_key)
            consumer.seek(TopicPartition(*partition_key), reached[partition_key])
        self._aligned |= unknown
        return [record for record in records if record.partition_key not in ahead]
