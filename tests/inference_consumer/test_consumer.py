"""The whole consumer on real Kafka and S3: exactly one ending for each command."""

from __future__ import annotations

import asyncio
import json
import threading
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from bus.blobs import BlobStore
from bus.contract import ids, topics
from bus.contract.blob_ref import BlobRef
from bus.contract.messages import (
    FocalSource,
    GenerationCancelled,
    GenerationCompleted,
    GenerationFailed,
    GenerationProgress,
    GenerationStarted,
    Priority,
    Stage,
)
from bus.runtime.settings import S3Settings
from inference_consumer.app import App
from inference_consumer.errors import DeviceLostError
from inference_consumer.null import Null
from tests.inference_consumer.consuming import Kafka, consuming, settings_of, stored
from tests.inference_consumer.models import INFO, Echo, FakeModel
from tests.inference_consumer.pictures import photo

pytestmark = pytest.mark.stack


async def test_each_command_gets_its_one_ending(
    kafka: Kafka, s3_settings: S3Settings, blobs: BlobStore
) -> None:
    good = [await stored(blobs, photo(64 + n, 48)) for n in range(5)]
    whole = photo(200, 200)
    half = await stored(blobs, whole[: len(whole) // 2])
    missing = replace_key(good[0], f"originals/{ids.new_id()}")
    made = [await kafka.order(each) for each in good]
    bulk = await kafka.order(good[0], priority=Priority.BULK, focal_length_mm=50.0)
    bad, gone = await kafka.order(half), await kafka.order(missing)
    late = await kafka.order(good[0], expires_at=datetime.now(UTC) - timedelta(seconds=1))
    stopped = await kafka.order(good[0])
    await kafka.cancel(stopped)
    async with consuming(kafka, s3_settings, progress_after_ms=0):
        endings = await kafka.endings(*made, bulk, bad, gone, late, stopped)
        progress = await kafka.read(topics.PROGRESS, lambda all_: finished(all_) >= {*made, bulk})
    for number, generation in enumerate(made):
        event = endings[generation]
        assert isinstance(event, GenerationCompleted)
        assert event.gaussian_count == (64 + number) * 48
        assert (await blobs.get(event.result)).startswith(b"ply\n")
    assert endings[bulk].focal_length_px == pytest.approx(50 * 80 / 43.2666153)
    for generation, code in ((bad, "photo_truncated"), (gone, "blob_missing")):
        assert isinstance(endings[generation], GenerationFailed)
        assert endings[generation].code == code
    for generation, reason in ((late, "expired"), (stopped, "requested")):
        assert isinstance(endings[generation], GenerationCancelled)
        assert endings[generation].reason == reason
    assert {each.generation_id for each in progress if isinstance(each, GenerationStarted)} >= {*made, bulk}
    assert await kafka.dead() == 0


async def test_the_default_model_makes_a_scene_with_depth(
    kafka: Kafka, s3_settings: S3Settings, blobs: BlobStore
) -> None:
    generation = await kafka.order(await stored(blobs, photo(64, 48)))
    async with consuming(kafka, s3_settings, model_name="layered"):
        endings = await kafka.endings(generation)
    event = endings[generation]
    assert isinstance(event, GenerationCompleted)
    assert (event.model.name, event.focal_source) == ("layered/bundled", FocalSource.NETWORK)
    assert event.model.weights_sha256
    assert event.scale_uncertainty > 0
    assert event.gaussian_count > 128 * 96  # more than one a cell: the margin, and what is hidden
    assert (await blobs.get(event.result)).startswith(b"ply\n")


def finished(progress: list[Any]) -> set[UUID]:
    return {
        each.generation_id
        for each in progress
        if isinstance(each, GenerationProgress) and each.stage is Stage.UPLOAD
    }


def replace_key(ref: BlobRef, key: str) -> BlobRef:
    return BlobRef(key=key, sha256=ref.sha256, bytes=ref.bytes, media_type=ref.media_type)


async def test_a_job_is_retried_then_parked_and_failed_while_the_store_is_down(
    kafka: Kafka, s3_settings: S3Settings, blobs: BlobStore
) -> None:
    generation = await kafka.order(await stored(blobs, photo()))
    away = s3_settings.model_copy(update={"endpoint_url": "http://127.0.0.1:1"})
    async with consuming(kafka, away):
        event = (await kafka.endings(generation))[generation]
        assert isinstance(event, GenerationFailed)
        assert (event.code, event.attempt) == ("blob_store_unavailable", 2)
        assert await kafka.dead() == 1


async def test_the_next_worker_continues_after_a_stopped_one(
    kafka: Kafka, s3_settings: S3Settings, blobs: BlobStore
) -> None:
    async with consuming(kafka, s3_settings, model=Null()):
        first = await kafka.order(await stored(blobs, photo()))
        await kafka.endings(first)
    second = await kafka.order(await stored(blobs, photo()))
    async with consuming(kafka, s3_settings, model=Null()):
        endings = await kafka.endings(first, second)
    assert {type(each) for each in endings.values()} == {GenerationCompleted}


async def test_a_stop_during_a_batch_abandons_it_and_the_job_is_redelivered(
    kafka: Kafka, s3_settings: S3Settings, blobs: BlobStore
) -> None:
    running, release = threading.Event(), threading.Event()

    def answer(items: list[Any]) -> list[Any]:
        if items != [(256, 256)]:  # the warm-up's
            running.set()
            assert release.wait(60)
        return [Echo(item) for item in items]

    slow = FakeModel(answer=answer, info=replace(INFO, max_batch=1))
    generation = await kafka.order(await stored(blobs, photo()))
    async with consuming(kafka, s3_settings, model=slow, abandoned=True, stop_seconds=0):
        assert await asyncio.to_thread(running.wait, 30)
    release.set()
    async with consuming(kafka, s3_settings, model=Null()):
        endings = await kafka.endings(generation)
    assert endings[generation].model.name == "null"


async def test_a_lost_device_ends_the_process_and_the_job_is_redelivered(
    kafka: Kafka, s3_settings: S3Settings, blobs: BlobStore
) -> None:
    def answer(items: list[Any]) -> list[Any]:
        if items != [(256, 256)]:
            raise DeviceLostError("an illegal memory access")
        return [Echo(item) for item in items]

    broken = FakeModel(answer=answer, info=replace(INFO, max_batch=1))
    generation = await kafka.order(await stored(blobs, photo()))
    with pytest.raises(DeviceLostError):
        await App(settings_of(kafka, s3_settings), lambda _: broken).run()
    async with consuming(kafka, s3_settings, model=Null()):
        endings = await kafka.endings(generation)
    assert isinstance(endings[generation], GenerationCompleted)


async def test_health_and_metrics_are_served_while_it_runs(
    kafka: Kafka, s3_settings: S3Settings, blobs: BlobStore, unused_tcp_port: int
) -> None:
    async with consuming(kafka, s3_settings, port=unused_tcp_port):
        await kafka.endings(await kafka.order(await stored(blobs, photo())))
        url = f"http://127.0.0.1:{unused_tcp_port}"
        ready = json.loads(
            await asyncio.to_thread(lambda: urllib.request.urlopen(f"{url}/health/ready").read())
        )
        metrics = await asyncio.to_thread(lambda: urllib.request.urlopen(f"{url}/metrics").read().decode())
    assert ready == {"status": "ready"}
    assert 'sharpstream_stage_seconds_count{stage="inference"}' in metrics
    assert "sharpstream_batch_size_bucket" in metrics
