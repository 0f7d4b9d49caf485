"""Transactions are atomic, also when a record is refused, the producer is fenced or Kafka is down."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable

import pytest
from aiokafka import TopicPartition

from bus.contract.envelope import OutRecord
from bus.kafka.transactions import OutcomeUnknownError, ProducerFencedError, TransactionalProducer
from bus.runtime.settings import KafkaSettings
from tests.bus.bridge_servers import committed, make_topic, numbered, read_all, values

pytestmark = pytest.mark.stack


@pytest.fixture
async def topic(kafka_settings: KafkaSettings, unique: Callable[[str], str]) -> str:
    return (await make_topic(kafka_settings, unique("out"))).name


@pytest.fixture
async def producer(kafka_settings: KafkaSettings, topic: str) -> AsyncIterator[TransactionalProducer]:
    producer = TransactionalProducer(kafka_settings, transactional_id=topic, group=topic)
    await producer.open()
    yield producer
    await producer.close()


async def test_a_record_refused_by_kafka_aborts_the_whole_transaction(
    kafka_settings: KafkaSettings, topic: str, producer: TransactionalProducer
) -> None:
    """Kafka refuses the record only on arrival, so a commit without a check would omit it silently."""
    offsets = {TopicPartition(topic, 0): 2}
    large = OutRecord(topic=topic, key=b"k", value=_incompressible(1_500_000), headers=[])
    with pytest.raises(OutcomeUnknownError, match="MessageSizeTooLarge"):
        await producer.transact([numbered(topic, "k", 0), large], offsets)
    await producer.open()
    assert await read_all(kafka_settings, topic) == []
    assert await committed(kafka_settings, topic, topic) is None
    await producer.transact([numbered(topic, "k", 0)], offsets)
    assert values(await read_all(kafka_settings, topic)) == [0]
    assert await committed(kafka_settings, topic, topic) == 2


async def test_a_fenced_producer_raises(
    kafka_settings: KafkaSettings, topic: str, producer: TransactionalProducer
) -> None:
    heir = TransactionalProducer(kafka_settings, transactional_id=topic, group=topic)
    await heir.open()
    with pytest.raises(ProducerFencedError):
        await producer.transact([numbered(topic, "k", 0)], {TopicPartition(topic, 0): 1})
    await heir.transact([numbered(topic, "k", 1)], {TopicPartition(topic, 0): 1})
    await heir.close()
    assert values(await read_all(kafka_settings, topic)) == [1]


async def test_opening_aborts_the_predecessors_transaction(
    kafka_settings: KafkaSettings, topic: str, producer: TransactionalProducer
) -> None:
    half_done = producer._producer
    assert half_done is not None
    await half_done.begin_transaction()
    await half_done.send_and_wait(topic, b"0", key=b"k")
    heir = TransactionalProducer(kafka_settings, transactional_id=topic, group=topic)
    await heir.open()
    await heir.close()
    assert await read_all(kafka_settings, topic) == []  # without waiting for the transaction's timeout


async def test_an_unreachable_kafka_raises_outcome_unknown(kafka_settings: KafkaSettings) -> None:
    nowhere = kafka_settings.model_copy(update={"bootstrap_servers": "127.0.0.1:9"})
    producer = TransactionalProducer(nowhere, transactional_id="t", group="g")
    with pytest.raises(OutcomeUnknownError, match="does not open"):
        await producer.open()
    with pytest.raises(OutcomeUnknownError, match="not open"):
        await producer.transact([], {})


def _incompressible(size: int) -> bytes:
    return random.Random(0).randbytes(size)
