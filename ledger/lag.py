"""Measures how far every reader of our topics is behind: in records, and in time.

A projector's position is in Postgres (`projector_offsets`), a processor's in Kafka (the group's offset). The
time is the age of the first record that was not taken: retention removes records by their age, so it says how
near a reader is to losing some. Only the first record behind a position is read, and only once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bus.contract import topics
from bus.contract.topics import FOREVER, Topic
from bus.kafka import broker
from bus.runtime.periodic import repeat
from bus.runtime.settings import KafkaSettings
from ledger import dead_letters, metrics, progress
from ledger.projection import PROJECTOR
from ledger.settings import GroupSettings

CLIENT: Final = "sharpstream-ledger-lag"
EVERY_S: Final = 15.0
LONGEST_S: Final = 60.0
"""Kafka that does not answer fails the round: `sharpstream_lag_measured_timestamp_seconds` stands still."""
_FETCH_MS: Final = 2000
"""For the first records of one reader; what has not come by then is read in the next round."""

_REACHED: Final = """
SELECT projector, topic, partition, next_offset FROM projector_offsets WHERE epoch = $1"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Who reads topics: a ``group`` whose offset is in Kafka, or the projector ``name``."""

    name: str
    topics: tuple[Topic, ...]
    group: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Lag:
    """How far a reader is behind in a topic; ``seconds`` beyond the delay of a retry topic."""

    reader: str
    topic: Topic
    records: int
    seconds: float


def readers(groups: GroupSettings) -> tuple[Reader, ...]:
    """Return every reader of a topic that is declared; partners' own topics are not among them."""
    return (
        Reader(name=PROJECTOR, topics=(topics.EVENTS,)),
        Reader(name=progress.PROJECTOR, topics=(topics.PROGRESS,)),
        Reader(name=dead_letters.PROJECTOR, topics=dead_letters.TOPICS),
        Reader(name="export.jobs", topics=(topics.EVENTS, topics.BACKGROUND_ENDINGS)),
        Reader(name="webhooks", topics=(topics.EVENTS,)),
        Reader(name="partners", topics=(topics.EVENTS,), group=f"{groups.partners_group}.events"),
        Reader(
            name="inference",
            topics=(topics.COMMANDS_INTERACTIVE, topics.COMMANDS_BULK, *topics.GENERATION_RETRIES),
            group=groups.inference_group,
        ),
        Reader(
            name="export", topics=(topics.EXPORT_COMMANDS, *topics.EXPORT_RETRIES), group=groups.export_group
        ),
        Reader(
            name="export.background",
            topics=(topics.BACKGROUND_COMMANDS, *topics.BACKGROUND_RETRIES),
            group=groups.background_group,
        ),
    )


class LagMeter:
    """Measures the lag of ``readers`` again and again. Reads alone: it joins no group and commits nothing."""

    def __init__(self, pool: asyncpg.Pool, kafka: KafkaSettings, readers: Sequence[Reader]) -> None:
        self._pool, self._kafka, self._readers = pool, kafka, readers
        self._firsts: dict[tuple[str, TopicPartition], tuple[int, int, float | None]] = {}
        """Reader and partition -> position and end when it was read, and the time of the record behind it."""

    async def run(self) -> NoReturn:
        """Measure about every `EVERY_S` seconds, until cancelled."""
        await repeat("lag", self.report, every_s=EVERY_S, at_once=True)

    async def report(self) -> None:
        """Measure once and set the metrics."""
        async with asyncio.timeout(LONGEST_S):
            found = await self.measure()
        for each in found:
            metrics.LAG_RECORDS.labels(each.reader, each.topic.name).set(each.records)
            metrics.LAG_SECONDS.labels(each.reader, each.topic.name).set(each.seconds)
            if each.topic.retention_ms != FOREVER:
                metrics.RETENTION.labels(each.topic.name).set(each.topic.retention_ms / 1000)
        metrics.LAG_MEASURED.set_to_current_time()

    async def measure(self) -> list[Lag]:
        """Return the lag of each reader in each of its topics."""
        projected = await self._projected()
        admin = AIOKafkaAdminClient(**self._kafka.client_options(), client_id=CLIENT)
        consumer = broker.consumer(
            self._kafka, client_id=CLIENT, group_id=None, max_partition_fetch_bytes=64 * 1024
        )
        try:
            await admin.start()
            await consumer.start()
            found: list[Lag] = []
            for reader in self._readers:
                parts = await _partitions(admin, reader.topics)
                begins = await consumer.beginning_offsets(parts)
                ends = await consumer.end_offsets(parts)
                reached = await _committed(admin, reader.group, parts) if reader.group else projected
                key = "" if reader.group else reader.name
                positions = {part: max(begins[part], reached.get((key, part), 0)) for part in parts}
                firsts = await self._first_times(consumer, reader.name, positions, ends)
                found += _lags(reader, positions, ends, firsts)
            return found
        finally:
            await consumer.stop()
            await admin.close()

    async def _projected(self) -> dict[tuple[str, TopicPartition], int]:
        rows = await self._pool.fetch(_REACHED, self._kafka.topic_epoch)
        return {
            (row["projector"], TopicPartition(row["topic"], row["partition"])): row["next_offset"]
            for row in rows
        }

    async def _first_times(
        self,
        consumer: AIOKafkaConsumer,
        name: str,
        positions: Mapping[TopicPartition, int],
        ends: Mapping[TopicPartition, int],
    ) -> dict[TopicPartition, float | None]:
        """Return the time of the first record behind each position; None where only markers are there."""
        behind = {part: at for part, at in positions.items() if at < ends[part]}
        known = {part: self._firsts.get((name, part)) for part in behind}
        unread = {
            part: at
            for part, at in behind.items()
            if (seen := known[part]) is None or seen[0] != at or (seen[2] is None and seen[1] != ends[part])
        }
        if unread:
            async for part, read_at in _first_records(consumer, unread, ends):
                self._firsts[name, part] = (unread[part], ends[part], read_at)
        return {part: self._firsts[name, part][2] for part in behind if (name, part) in self._firsts}


async def _first_records(
    consumer: AIOKafkaConsumer, positions: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> AsyncIterator[tuple[TopicPartition, float | None]]:
    """Yield the time of the first committed record of each partition, None where there is none to the end."""
    consumer.assign(list(positions))
    for part, at in positions.items():
        consumer.seek(part, at)
    left, deadline = set(positions), time.monotonic() + _FETCH_MS / 1000
    while left and time.monotonic() < deadline:
        for part, records in (await consumer.getmany(*left, timeout_ms=200, max_records=1)).items():
            yield part, records[0].timestamp / 1000
            left.discard(part)
            consumer.pause(part)
        for part in list(left):
            if await consumer.position(part) >= ends[part]:
                yield part, None
                left.discard(part)
                consumer.pause(part)


def _lags(
    reader: Reader,
    positions: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    firsts: Mapping[TopicPartition, float | None],
) -> Iterator[Lag]:
    now = time.time()
    for topic in reader.topics:
        behind = {
            part: ends[part] - at
            for part, at in positions.items()
            if part.topic == topic.name and at < ends[part] and firsts.get(part, 0.0) is not None
        }
        times = [found for part in behind if (found := firsts.get(part)) is not None]
        seconds = max(0.0, now - min(times) - topic.delay_ms / 1000) if times else 0.0
        yield Lag(reader=reader.name, topic=topic, records=sum(behind.values()), seconds=seconds)


async def _partitions(admin: AIOKafkaAdminClient, read: Sequence[Topic]) -> list[TopicPartition]:
    """Return the topics' partitions in Kafka, which may be more than declared."""
    described = await admin.describe_topics([topic.name for topic in read])
    return [
        TopicPartition(topic["topic"], part["partition"])
        for topic in described
        for part in topic["partitions"]
    ]


async def _committed(
    admin: AIOKafkaAdminClient, group: str, parts: Sequence[TopicPartition]
) -> dict[tuple[str, TopicPartition], int]:
    found = await admin.list_consumer_group_offsets(group, partitions=list(parts))
    return {("", part): max(0, each.offset) for part, each in found.items()}
