"""A pipeline on a blob store in memory, and commands for it."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from bus.blobs import BlobStore
from bus.contract import envelope, ids, topics
from bus.contract.blob_ref import BlobRef
from bus.contract.messages import GenerateScene, Progress
from bus.kafka.admin import create_topics
from bus.kafka.processor import Record
from bus.runtime.settings import KafkaSettings, S3Settings
from bus.runtime.tasks import end
from bus.sandbox.pool import Pool
from bus.testing import MemoryBlobs
from inference_consumer.batch_runner import Inference
from inference_consumer.batcher import Batcher
from inference_consumer.engine import Engine
from inference_consumer.models import Model
from inference_consumer.photo_reader import PhotoReader
from inference_consumer.pipeline import Pipeline
from photo.workers import CONFINEMENT, TASKS
from tests.inference_consumer.consuming import Kafka
from tests.inference_consumer.pictures import photo as good_photo

PHOTO_WORKERS = Pool(TASKS, CONFINEMENT, each=1)
"""For every test of this process: a worker takes 0.3 s to start."""
atexit.register(PHOTO_WORKERS.kill)


@dataclass
class Works:
    """A running pipeline, and what it published."""

    pipeline: Pipeline
    inference: Inference
    engine: Engine
    blobs: MemoryBlobs
    published: list[tuple[Progress, int]] = field(default_factory=list)

    async def photo(self, data: bytes | None = None) -> BlobRef:
        """Store a photo, a good one by default."""
        return await self.blobs.put(f"originals/{ids.new_id()}", data or good_photo(), "image/png")


@contextlib.asynccontextmanager
async def _works(
    model: Model, *, max_delay_s: float = 0.0, progress_after_s: float = 0.0
) -> AsyncIterator[Works]:
    engine = Engine(lambda: model)
    await engine.start()
    batcher = Batcher(
        limit=lambda: engine.limit,
        seconds=engine.seconds,
        size=model.item_bytes,
        max_bytes=1 << 30,
        max_delay_s=max_delay_s,
    )
    inference, blobs = Inference(engine, batcher), MemoryBlobs()
    published: list[tuple[Progress, int]] = []
    pipeline = Pipeline(
        blobs=blobs,
        model=model,
        inference=inference,
        photos=PhotoReader(PHOTO_WORKERS),
        publish=lambda message, attempt: published.append((message, attempt)),
        worker="worker-1",
        decode_threads=2,
        encode_threads=1,
        progress_after_s=progress_after_s,
    )
    serving = asyncio.ensure_future(inference.run())
    try:
        yield Works(pipeline=pipeline, inference=inference, engine=engine, blobs=blobs, published=published)
    finally:
        await end([serving])
        pipeline.close()
        assert await engine.stop(within_s=5)


@pytest.fixture
def works() -> Callable[..., AbstractAsyncContextManager[Works]]:
    """``async with works(model) as running`` runs everything but Kafka."""
    return _works


@pytest.fixture
def command() -> Callable[..., GenerateScene]:
    """Makes commands; ``command(source=ref, ...)``."""

    def make(**fields: Any) -> GenerateScene:
        stated = {
            "generation_id": ids.new_id(),
            "account_id": ids.new_id(),
            "requested_at": datetime.now(UTC),
        }
        return GenerateScene(**(stated | fields))

    return make


def record_of(command: GenerateScene, *, attempt: int = 1) -> Record:
    """Return the command as the processor passes it to the handler."""
    topic = topics.commands_topic(command.priority)
    out = envelope.record(
        topic,
        command,
        key=command.generation_id,
        source="/sharpstream/gateway",
        traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        correlation_id="corr-1",
    )
    return Record(
        topic=topic,
        partition=0,
        offset=7,
        key=out.key,
        value=out.value,
        headers=out.headers,
        timestamp=datetime.now(UTC),
        attempt=attempt,
    )


@pytest.fixture
async def kafka(
    kafka_settings: KafkaSettings, unique: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> Kafka:
    """Create the declared topics under names of this test."""

    def own(topic: topics.Topic, **changes: Any) -> topics.Topic:
        return replace(topic, name=unique(topic.name), **{"partitions": 2, **changes})

    names = ("COMMANDS_INTERACTIVE", "COMMANDS_BULK", "EVENTS", "PROGRESS", "CANCELLATIONS")
    declared = {name: own(getattr(topics, name)) for name in names}
    declared["GENERATION_DEAD"] = own(topics.GENERATION_DEAD, partitions=1)
    retries = (own(topics.GENERATION_RETRIES[0], partitions=1, delay_ms=100),)
    for name, topic in declared.items():
        monkeypatch.setattr(topics, name, topic)
    monkeypatch.setattr(topics, "GENERATION_RETRIES", retries)
    await create_topics(kafka_settings, [*declared.values(), *retries])
    return Kafka(kafka_settings, unique("inference"))


@pytest.fixture
async def blobs(s3_settings: S3Settings) -> AsyncIterator[BlobStore]:
    """Open the real store."""
    async with BlobStore(s3_settings) as store:
        yield store
