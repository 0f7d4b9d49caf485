"""The event tail against the real Kafka: reconnecting, undecodable records, aborted transactions."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from structlog.testing import capture_logs

from bus.contract import topics
from bus.contract.envelope import record
from bus.contract.messages import ApiKeyCreated
from bus.runtime.settings import KafkaSettings
from gateway.streaming.cursor import partition_of
from gateway.streaming.event_tail import Tail
from gateway.streaming.hub import Hub
from gateway.streaming.subscriber import StreamLimits
from tests.gateway.conftest import until


def new_hub() -> Hub:
    return Hub(
        epoch=1, partitions=12, ring_events=100, limits=StreamLimits(events=100, bytes=10**6, stall_s=30)
    )


class Flaky(KafkaSettings):
    """Settings with an unreachable address until `mend` is called."""

    def mend(self):
        self.__dict__["mended"] = True

    def client_options(self):
        options = super().client_options()
        return options if "mended" in self.__dict__ else options | {"bootstrap_servers": "127.0.0.1:9"}


@pytest.fixture
async def names(kafka_settings, unique):
    names = [unique("events"), unique("progress")]
    admin = AIOKafkaAdminClient(**kafka_settings.client_options())
    await admin.start()
    await admin.create_topics([NewTopic(name, 12, 1) for name in names])
    yield names
    await admin.delete_topics(names)
    await admin.close()


async def test_the_tail_reconnects_by_itself_and_misses_nothing(kafka_settings, names):
    account, hub = uuid4(), new_hub()

    async def floors():
        return {}

    async def topic_id():
        return None

    kafka = Flaky(**kafka_settings.model_dump())
    tail = Tail(
        kafka,
        hub,
        floors,
        topic_id,
        events=replace(topics.EVENTS, name=names[0]),
        progress=replace(topics.PROGRESS, name=names[1]),
    )
    following = asyncio.create_task(tail.run())
    async with AIOKafkaProducer(**kafka_settings.client_options()) as producer:

        async def send(value=None, headers=None):
            message = ApiKeyCreated(api_key_id=uuid4(), account_id=account)
            out = record(topics.EVENTS, message, key=account, source="/test")
            sent = await producer.send_and_wait(
                names[0],
                key=out.key,
                value=value or out.value,
                headers=out.headers if headers is None else headers,
            )
            return sent.offset

        before = await send()
        await until(lambda: hub.ready)
        seen = []
        hub.listeners.append(seen.append)
        with capture_logs() as logs:
            assert await tail.end_of(0) is None
            assert tail.state in {"connecting", "unreachable"}
            kafka.mend()
            await until(lambda: tail.state == "connected")
            await send(headers=[])  # undecodable without attributes; the next ones are read
            after = await send()
            await until(lambda: len(seen) == 2)
    assert [item.cursor.offset for item in seen] == [before, after]
    assert {item.cursor.partition for item in seen} == {partition_of(account, 12)}
    assert [line["offset"] for line in logs if line["event"] == "tail_skipped_record"] == [before + 1]
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following


async def test_records_of_aborted_transactions_are_skipped(kafka_settings, names, unique):
    account, hub = uuid4(), new_hub()

    async def floors():
        return {}

    async def topic_id():
        return None

    tail = Tail(
        kafka_settings,
        hub,
        floors,
        topic_id,
        events=replace(topics.EVENTS, name=names[0]),
        progress=replace(topics.PROGRESS, name=names[1]),
    )
    following = asyncio.create_task(tail.run())
    await until(lambda: tail.state == "connected")
    options = kafka_settings.client_options() | {"transactional_id": unique("test")}
    seen = []
    hub.listeners.append(seen.append)
    async with AIOKafkaProducer(**options) as producer:
        for keep in (False, True):
            await producer.begin_transaction()
            message = ApiKeyCreated(api_key_id=uuid4(), account_id=account)
            out = record(topics.EVENTS, message, key=account, source="/test")
            sent = await producer.send_and_wait(names[0], key=out.key, value=out.value, headers=out.headers)
            await (producer.commit_transaction() if keep else producer.abort_transaction())
    await until(lambda: bool(seen))
    (only,) = seen
    end = await tail.end_of(sent.partition)
    assert end is not None
    assert end > sent.offset
    assert only.subject == str(message.api_key_id)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)


async def test_another_log_is_not_followed(kafka_settings, names):
    """Its offsets mean other events. Once the right one is back, the tail goes on by itself."""
    hub, known = new_hub(), [uuid4()]

    async def floors():
        return {}

    async def topic_id():
        return known[0]

    tail = Tail(
        kafka_settings,
        hub,
        floors,
        topic_id,
        events=replace(topics.EVENTS, name=names[0]),
        progress=replace(topics.PROGRESS, name=names[1]),
    )
    following = asyncio.create_task(tail.run())
    await until(lambda: tail.state == "replaced")
    known[0] = None
    await until(lambda: tail.state == "connected")
    following.cancel()
    with pytest.raises(asyncio.CancelledError):
        await following
