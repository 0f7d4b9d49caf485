from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer

from bus.contract import envelope, ids, topics
from bus.contract.messages import CancelScene
from bus.contract.topics import Topic
from bus.kafka import broker
from bus.kafka.admin import create_topics
from bus.runtime.settings import KafkaSettings
from bus.runtime.tasks import end
from inference_consumer.cancellations import Cancellations
from tests.inference_consumer.waiting import until

DAY_S = 24 * 3600
NOWHERE = KafkaSettings(bootstrap_servers="127.0.0.1:1", security_protocol="PLAINTEXT")


def noted(now: Callable[[], float]) -> Cancellations:
    return Cancellations(NOWHERE, client_id="test", topic=topics.CANCELLATIONS, now=now)


def test_a_cancel_request_is_kept_for_the_lifetime_of_a_command() -> None:
    now = 1_000_000.0
    cancellations = noted(lambda: now)
    one, two, three = (ids.new_id() for _ in range(3))
    cancellations.note(one, now)
    assert cancellations.wanted(one)
    assert not cancellations.wanted(two)
    now += 7 * DAY_S - 1
    cancellations.note(two, now)
    assert cancellations.wanted(one)
    now += 2
    cancellations.note(three, now)
    assert not cancellations.wanted(one)
    assert cancellations.wanted(two)


def test_an_expired_cancel_request_is_not_stored() -> None:
    cancellations = noted(lambda: 1_000_000.0)
    cancellations.note(ids.new_id(), 1_000_000.0 - 7 * DAY_S)
    assert cancellations._until == {}


async def request_cancel(producer: AIOKafkaProducer, topic: Topic, generation_id: UUID) -> None:
    message = CancelScene(
        generation_id=generation_id, account_id=ids.new_id(), requested_at=datetime.now(UTC)
    )
    out = envelope.record(topic, message, key=generation_id, source="/sharpstream/gateway")
    async with producer.transaction():
        await producer.send(out.topic, key=out.key, value=out.value, headers=out.headers)


@pytest.mark.stack
async def test_existing_cancel_requests_are_read_before_ready_and_later_ones_follow(
    kafka_settings: KafkaSettings, unique: Callable[[str], str]
) -> None:
    topic = replace(topics.CANCELLATIONS, name=unique("cancellations"), partitions=2)
    await create_topics(kafka_settings, [topic])
    heard: list[Any] = []
    producer = broker.producer(kafka_settings, client_id="test", transactional_id=unique("test"))
    await producer.start()
    cancellations = Cancellations(
        kafka_settings, client_id="test", topic=topic, heard=lambda: heard.append(len(heard))
    )
    early = [ids.new_id() for _ in range(50)]
    for each in early:
        await request_cancel(producer, topic, each)
    async with producer.transaction():  # undecodable, and last: it must not delay readiness
        await producer.send(topic.name, key=b"?", value=b"?")
    following = asyncio.ensure_future(cancellations.run())
    try:
        async with asyncio.timeout(20):
            await cancellations.ready.wait()
        assert all(cancellations.wanted(each) for each in early)
        assert len(heard) == 50
        late = ids.new_id()
        assert not cancellations.wanted(late)
        await request_cancel(producer, topic, late)
        await until(lambda: cancellations.wanted(late))
        assert len(heard) == 51
    finally:
        await end([following])
        await producer.stop()


@pytest.mark.stack
async def test_an_empty_topic_is_ready_at_once(
    kafka_settings: KafkaSettings, unique: Callable[[str], str]
) -> None:
    topic = replace(topics.CANCELLATIONS, name=unique("cancellations"))
    await create_topics(kafka_settings, [topic])
    cancellations = Cancellations(kafka_settings, client_id="test", topic=topic)
    following = asyncio.ensure_future(cancellations.run())
    try:
        async with asyncio.timeout(20):
            await cancellations.ready.wait()
    finally:
        await end([following])
