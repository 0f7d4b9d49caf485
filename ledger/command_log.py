"""What Kafka still holds of a group's commands, and the offsets moved past what it holds no more.

Reads records and group offsets; writes nothing but group offsets. Which jobs are ended for it is decided by
`ledger.lost_jobs`, where the argument stands why nobody else ends them then.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code

from bus.contract.topics import Topic
from bus.kafka import broker
from bus.kafka.transactions import TransactionalProducer, owner_id
from bus.runtime.errors import TransientError
from bus.runtime.settings import KafkaSettings

log = structlog.stdlib.get_logger(__name__)

CLIENT: Final = "sharpstream-ledger-lost"
STUCK_S: Final = 120.0
"""A transaction is open for 60 s at most; what cannot be read for longer is tried again at the next turn."""
_POLL_MS: Final = 500
_BATCH: Final = 5000

Offsets = Mapping[TopicPartition, int]


class LogMovedError(TransientError):
    """Kafka removed records while they were read: what was not found may have been there."""


class CommandLog:
    """The inputs of ``group``, which are all partitions of ``topics``. An async context manager.

    Every method raises `KafkaError`, `OSError`, `TimeoutError` or `TransientError` where Kafka is away.
    """

    def __init__(self, kafka: KafkaSettings, *, group: str, topics: Sequence[Topic]) -> None:
        self._kafka, self._group, self._topics = kafka, group, topics
        self._inputs: list[TopicPartition] = []
        self._offsets: AIOKafkaConsumer

    async def __aenter__(self) -> Self:
        self._inputs = await self.partitions(self._topics)
        self._offsets = broker.consumer(
            self._kafka, client_id=CLIENT, group_id=self._group, isolation_level="read_uncommitted"
        )
        self._offsets.assign(self._inputs)  # by hand: it is no member of the group
        try:
            await self._offsets.start()
        except BaseException:
            await self._offsets.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._offsets.stop()

    async def partitions(self, topics: Collection[Topic]) -> list[TopicPartition]:
        """Return the partitions that Kafka has of the topics, which may be more than declared."""
        admin = AIOKafkaAdminClient(**self._kafka.client_options(), client_id=CLIENT)
        await admin.start()
        try:
            described = await admin.describe_topics([topic.name for topic in topics])
        finally:
            await admin.close()
        for topic in described:
            if topic["error_code"]:
                raise for_code(topic["error_code"])(topic["topic"])
        return [
            TopicPartition(topic["topic"], part["partition"])
            for topic in described
            for part in topic["partitions"]
        ]

    async def begins(self) -> dict[TopicPartition, int]:
        """Return where each input begins: the offset of the first record that Kafka has not removed."""
        return dict(await self._offsets.beginning_offsets(self._inputs))

    async def oldest(self, begins: Offsets) -> datetime | None:
        """Return the time of the oldest first record of any input; None where none holds a record."""
        firsts: dict[TopicPartition, int] = {}
        async for records in self._read(begins, first_alone=True):
            for each in records:
                firsts.setdefault(TopicPartition(each.topic, each.partition), each.timestamp)
        return datetime.fromtimestamp(min(firsts.values()) / 1000, UTC) if firsts else None

    async def take_over(self, begins: Offsets, *, every: bool) -> None:
        """Take over each input whose removed records may be in a worker's hands, or ``every`` input.

        The owner's producer is fenced and its open transaction settled, as by any new owner. Then the group's
        offset is moved up to the input's begin: a worker that still holds a removed record finds that offset
        when it opens its producer again, and drops what lies below (`bus.kafka.partition`).
        """
        for part, begin in begins.items():
            if every or (await self._offsets.committed(part) or 0) < begin:
                await self._take_over(part, begin)

    async def _take_over(self, part: TopicPartition, begin: int) -> None:
        producer = TransactionalProducer(
            self._kafka, transactional_id=owner_id(self._group, part), group=self._group
        )
        try:
            await producer.open()
            if (await self._offsets.committed(part) or 0) < begin:  # true only after the producer is open
                await producer.transact([], {part: begin})
            log.warning("input_taken_over", group=self._group, topic=part.topic, partition=part.partition)
        finally:
            await producer.close()

    async def holding(self, keys: Collection[bytes], begins: Offsets) -> set[bytes]:
        """Return those of the keys of which an input holds a record, from its begin to its end as it is now.

        Raises `LogMovedError` where an input began later by the time it was read.
        """
        found: set[bytes] = set()
        async for records in self._read(begins):
            found.update(each.key for each in records if each.key in keys)
        if await self.begins() != dict(begins):
            raise LogMovedError("Kafka removed commands while they were looked through.")
        return found

    async def records(self, since: Offsets) -> AsyncIterator[Sequence[ConsumerRecord]]:
        """Yield the committed records of any partitions from ``since`` to their ends as they are now."""
        async for records in self._read(since):
            yield records

    async def _read(
        self, since: Offsets, *, first_alone: bool = False
    ) -> AsyncIterator[list[ConsumerRecord]]:
        """Yield what is committed up to the high watermark: open transactions below it are waited for.

        ``first_alone``: of each partition only the first records that come.
        """
        clock = asyncio.get_running_loop().time
        ends = await self._offsets.end_offsets(list(since))
        parts = {part for part, offset in since.items() if offset < ends[part]}
        if not parts:
            return
        consumer = broker.consumer(self._kafka, client_id=CLIENT, group_id=None)
        consumer.assign(list(parts))
        await consumer.start()
        try:
            for part in parts:
                consumer.seek(part, since[part])
            left, last = parts, clock()
            while left := {part for part in left if await consumer.position(part) < ends[part]}:
                consumer.pause(*(parts - left))
                got = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
                records = [each for part, some in got.items() for each in some if each.offset < ends[part]]
                if records:
                    yield records
                    last = clock()
                elif clock() - last > STUCK_S:
                    raise TimeoutError(f"{left} cannot be read to the end; a transaction may be open.")
                if first_alone:
                    left -= got.keys()
        finally:
            await consumer.stop()
