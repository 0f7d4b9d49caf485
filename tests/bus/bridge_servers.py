"""Shared by the bridges' tests: topics per test, a plain writer, and a reader that does not deduplicate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from aiokafka import ConsumerRecord, TopicPartition

from bus.contract.envelope import OutRecord
from bus.contract.topics import EVENTS, Topic
from bus.kafka import admin, broker
from bus.runtime.settings import KafkaSettings

SESSION_S = 6.0
"""The shortest that the broker allows."""


async def make_topic(kafka: KafkaSettings, name: str, *, partitions: int = 1, delay_ms: int = 0) -> Topic:
    topic = replace(EVENTS, name=name, partitions=partitions, delay_ms=delay_ms)
    await admin.create_topics(kafka, [topic])
    return topic


def numbered(topic: str, key: str, number: int) -> OutRecord:
    return OutRecord(
        topic=topic, key=key.encode(), value=str(number).encode(), headers=[("n", str(number).encode())]
    )


async def produce(kafka: KafkaSettings, records: Iterable[OutRecord]) -> None:
    """Write outside any transaction."""
    producer = broker.producer(kafka, client_id="test-writer")
    await producer.start()
    try:
        sent = [await producer.send(r.topic, key=r.key, value=r.value, headers=r.headers) for r in records]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def read_all(kafka: KafkaSettings, topic: str) -> list[ConsumerRecord]:
    """Return every committed record, duplicates included, partition after partition.

    Reads to the end that uncommitted readers see, so a transaction left open would make it wait for ever.
    """
    consumer = broker.consumer(kafka, client_id="test-reader")
    await consumer.start()
    try:
        count = len(await consumer._client._wait_on_metadata(topic))
        tps = [TopicPartition(topic, number) for number in range(count)]
        ends = await end_offsets(kafka, tps)
        consumer.assign(tps)
        for tp in tps:
            consumer.seek(tp, 0)
        found: list[ConsumerRecord] = []
        async with asyncio.timeout(60):
            while any([await consumer.position(tp) < ends[tp] for tp in tps]):
                for records in (await consumer.getmany(timeout_ms=200)).values():
                    found += records
        return sorted(found, key=lambda r: (r.partition, r.offset))
    finally:
        await consumer.stop()


async def end_offsets(kafka: KafkaSettings, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    consumer = broker.consumer(kafka, client_id="test-ends", isolation_level="read_uncommitted")
    consumer.assign(tps)
    await consumer.start()
    try:
        return dict(await consumer.end_offsets(tps))
    finally:
        await consumer.stop()


async def committed(kafka: KafkaSettings, group: str, topic: str, partition: int = 0) -> int | None:
    """Return the group's committed offset without joining the group."""
    consumer = broker.consumer(kafka, client_id="test-offsets", group_id=group)
    tp = TopicPartition(topic, partition)
    consumer.assign([tp])
    await consumer.start()
    try:
        found: int | None = await consumer.committed(tp)
        return found
    finally:
        await consumer.stop()


async def until(condition: Callable[[], Awaitable[bool]], *, what: str, within_s: float = 60) -> None:
    """Poll until the condition holds. The timeout only turns a hang into a failure."""
    try:
        async with asyncio.timeout(within_s):
            while not await condition():  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # the state is another process's
    except TimeoutError:
        raise AssertionError(f"waited {within_s} s in vain for: {what}") from None


def values(records: Iterable[ConsumerRecord]) -> list[int]:
    return [int(record.value) for record in records]


def assert_once_each(numbers: Sequence[int], expected: int) -> None:
    counts = [0] * expected
    for number in numbers:
        counts[number] += 1
    lost = [number for number, count in enumerate(counts) if count == 0]
    doubled = [number for number, count in enumerate(counts) if count > 1]
    assert not lost, f"{len(lost)} of {expected} lost: {lost[:20]}"
    assert not doubled, f"{len(doubled)} of {expected} doubled: {doubled[:20]}"


def assert_ordered(records: Iterable[ConsumerRecord]) -> None:
    """Check that the numbers of each key rise."""
    last: dict[bytes, int] = {}
    for record in records:
        number = int(record.value)
        assert number > last.get(record.key, -1), f"{record.key!r}: {number} after {last[record.key]}"
        last[record.key] = number
