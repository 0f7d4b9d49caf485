"""Reads the commands of a consumer group that Kafka still holds, and moves its offsets past removed ones.

Reads records and group offsets; writes nothing but group offsets. `ledger.lost_jobs` decides which jobs are
ended, and argues why no worker ends them as well.
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
"""A transaction is open for 60 s at most; a read that is blocked for longer is retried at the next turn."""
_POLL_MS: Final = 500
_BATCH: Final = 5000

Offsets = Mapping[TopicPartition, int]


class LogMovedError(TransientError):
    """Kafka removed records during the read, so a command that was not found may have been among them."""


class CommandLog:
    """The inputs of ``group``, which are all partitions of ``topics``. An async context manager.

    Without Kafka every method raises `KafkaError`, `OSError`, `TimeoutError` or `TransientError`.
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
        self._offsets.assign(self._inputs)  # assigned, not subscribed: it does not join the group
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
        """Return the topics' partitions in Kafka, which may be more than declared."""
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
        """Return the beginning of each input: the offset of the first record that Kafka has not removed."""
        return dict(await self._offsets.beginning_offsets(self._inputs))

    async def oldest(self, begins: Offsets) -> datetime | None:
        """Return the earliest time of the inputs' first records; None where no input holds a record."""
        firsts: dict[TopicPartition, int] = {}
        async for records in self._read(begins, first_alone=True):
            for each in records:
                firsts.setdefault(TopicPartition(each.topic, each.partition), each.timestamp)
        return datetime.fromtimestamp(min(firsts.values()) / 1000, UTC) if firsts else None

    async def take_over(self, begins: Offsets, *, every: bool) -> None:
        """Take over each input of which a worker may still hold removed records, or ``every`` input.

        Like any new owner, it fences the owner's producer and ends its open transaction. Then it moves the
        group's offset up to the input's beginning: a worker that still holds a removed record reads that
        offset when it reopens its producer, and drops the records below it (`bus.kafka.partition`).
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
            if (await self._offsets.committed(part) or 0) < begin:  # final only once the producer is open
                await producer.transact([], {part: begin})
            log.warning("input_taken_over", group=self._group, topic=part.topic, partition=part.partition)
        finally:
            await producer.close()

    async def holding(self, keys: Collection[bytes], begins: Offsets) -> set[bytes]:
        """Return those of the keys that have a record in an input, between its beginning and its current end.

        Raises `LogMovedError` where an input's beginning moved during the read.
        """
        found: set[bytes] = set()
        async for records in self._read(begins):
            found.update(each.key for each in records if each.key in keys)
        if await self.begins() != dict(begins):
            raise LogMovedError("Kafka removed commands while they were looked through.")
        return found

    async def records(self, since: Offsets) -> AsyncIterator[Sequence[ConsumerRecord]]:
        """Yield the committed records of any partitions from ``since`` to their current ends."""
        async for records in self._read(since):
            yield records

    async def _read(
        self, since: Offsets, *, first_alone: bool = False
    ) -> AsyncIterator[list[ConsumerRecord]]:
        """Yield the committed records up to the high watermark; wait for open transactions below it.

        ``first_alone``: only the first fetched records of each partition.
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
