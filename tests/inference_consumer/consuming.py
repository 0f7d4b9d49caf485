"""Shared by the tests of the whole consumer: topics per test, and a consumer that runs on them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition

from bus.blobs import BlobStore
from bus.contract import envelope, ids, topics
from bus.contract.blob_ref import BlobRef
from bus.contract.messages import CancelScene, GenerateScene
from bus.kafka import broker
from bus.runtime.settings import KafkaSettings, RoleSettings, S3Settings
from inference_consumer.app import App, create_app
from inference_consumer.settings import (
    CacheSettings,
    InferenceSettings,
    LayeredSettings,
    Settings,
    SharpSettings,
)


class Kafka:
    """The declared topics under names of this test, and their records."""

    def __init__(self, settings: KafkaSettings, group: str) -> None:
        self.settings, self.group = settings, group
        self.account = ids.new_id()

    async def send(self, topic: topics.Topic, message: Any) -> None:
        out = envelope.record(topic, message, key=message.generation_id, source="/sharpstream/gateway")
        producer = broker.producer(self.settings, client_id="test")
        await producer.start()
        try:
            await producer.send_and_wait(out.topic, key=out.key, value=out.value, headers=out.headers)
        finally:
            await producer.stop()

    async def order(self, source: BlobRef, **fields: Any) -> UUID:
        """Send a command; return its generation id."""
        command = GenerateScene(
            **{
                "generation_id": ids.new_id(),
                "account_id": self.account,
                "source": source,
                "requested_at": datetime.now(UTC),
                **fields,
            }
        )
        await self.send(topics.commands_topic(command.priority), command)
        return command.generation_id

    async def cancel(self, generation_id: UUID) -> None:
        cancel_request = CancelScene(
            generation_id=generation_id, account_id=self.account, requested_at=datetime.now(UTC)
        )
        await self.send(topics.CANCELLATIONS, cancel_request)

    async def read(self, topic: topics.Topic, until: Callable[[list[Any]], bool]) -> list[Any]:
        """Return everything committed, once the condition accepts it."""
        consumer = broker.consumer(self.settings, client_id="test", group_id=None)
        await consumer.start()
        try:
            parts = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            consumer.assign(parts)
            await consumer.seek_to_beginning(*parts)
            found: list[Any] = []
            async with asyncio.timeout(60):
                while not until(found):
                    for records in (await consumer.getmany(timeout_ms=100)).values():
                        found += [envelope.decode(topic, r.value, r.headers).message for r in records]
            return found
        finally:
            await consumer.stop()

    async def endings(self, *generations: UUID) -> dict[UUID, Any]:
        """Return the ending of each generation once all have one. Fails for two endings of one."""
        wanted = set(generations)
        found = await self.read(topics.EVENTS, lambda all_: wanted <= {each.generation_id for each in all_})
        assert len(found) == len({each.generation_id for each in found})
        return {each.generation_id: each for each in found}

    async def dead(self) -> int:
        """Return how many records are parked."""
        part = TopicPartition(topics.GENERATION_DEAD.name, 0)
        consumer = broker.consumer(self.settings, client_id="test", group_id=None)
        await consumer.start()
        try:
            consumer.assign([part])
            await consumer.seek_to_beginning(part)
            return sum(len(r) for r in (await consumer.getmany(part, timeout_ms=1000)).values())
        finally:
            await consumer.stop()


@contextlib.asynccontextmanager
async def consuming(
    kafka: Kafka,
    s3: S3Settings,
    *,
    model: Any = None,
    model_name: str = "card",
    abandoned: bool = False,
    **options: Any,
) -> AsyncIterator[App]:
    """Run a consumer until SIGTERM, after which it must end within seconds.

    ``model``: one that is made already; else the one named ``model_name``.
    """
    settings = settings_of(kafka, s3, model=model_name, **options)
    app = create_app(settings) if model is None else App(settings, lambda _: model)
    running = asyncio.ensure_future(app.run())
    try:
        async with asyncio.timeout(30):
            while not app.ready:
                assert not running.done(), running.exception()
                await asyncio.sleep(0.02)
        yield app
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(30):
            await running
    assert app.abandoned == abandoned


def settings_of(kafka: Kafka, s3: S3Settings, *, port: int | None = None, **options: Any) -> Settings:
    # The flat card, unless a test is about a model.
    stated = {"group": kafka.group, "instance_id": f"{kafka.group}-1", "model": "card", **options}
    return Settings(
        role=RoleSettings(health_port=port),
        inference=InferenceSettings(**stated),
        sharp=SharpSettings(),
        layered=LayeredSettings(fetch="no"),
        cache=CacheSettings(),
        kafka=kafka.settings,
        s3=s3,
    )


async def stored(blobs: BlobStore, data: bytes) -> BlobRef:
    return await blobs.put(f"originals/{ids.new_id()}", data, "image/png")
