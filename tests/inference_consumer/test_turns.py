"""Priorities and cancel requests on real Kafka: one ending for each job, interactive before bulk."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bus.blobs import BlobStore
from bus.contract import topics
from bus.contract.messages import GenerationCancelled, GenerationCompleted, Priority
from bus.runtime.settings import S3Settings
from inference_consumer import metrics
from inference_consumer.null import Null
from tests.inference_consumer.consuming import Kafka, consuming, stored
from tests.inference_consumer.models import INFO, Echo, FakeModel
from tests.inference_consumer.pictures import photo

pytestmark = pytest.mark.stack
IN_FLIGHT = 4
FLOOD = 40


class Gate(FakeModel):
    """A model that runs one photo at a time, each once the gate is open."""

    def __init__(self) -> None:
        self.running, self.open = threading.Event(), threading.Event()
        super().__init__(answer=self._answer, info=replace(INFO, max_batch=1))

    def _answer(self, items: list[Any]) -> list[Any]:
        if items != [(256, 256)]:  # the warm-up's
            self.running.set()
            assert self.open.wait(60)
        return [Echo(item) for item in items]


async def test_a_cancel_request_before_during_and_after_ends_each_job_once(
    kafka: Kafka, s3_settings: S3Settings, blobs: BlobStore
) -> None:
    source, gate = await stored(blobs, photo()), Gate()
    before = await kafka.order(source)
    await kafka.cancel(before)
    async with consuming(kafka, s3_settings, model=gate):
        assert isinstance((await kafka.endings(before))[before], GenerationCancelled)
        runs = await kafka.order(source)
        assert await asyncio.to_thread(gate.running.wait, 30)
        queued = await kafka.order(source)
        for job in (runs, queued):
            await kafka.cancel(job)
        while metrics.CANCELLATIONS_KNOWN._value.get() < 3:  # noqa: ASYNC110 - another task's state
            await asyncio.sleep(0.05)
        gate.open.set()
        endings = await kafka.endings(before, runs, queued)
        assert isinstance(endings[runs], GenerationCompleted)
        for job in (before, runs, queued):
            await kafka.cancel(job)  # after the end, and once more for what was cancelled
    async with consuming(kafka, s3_settings, model=Null()):
        last = await kafka.order(source)
        endings = await kafka.endings(before, runs, queued, last)
    assert len(endings) == 4
    assert isinstance(endings[before], GenerationCancelled)
    assert isinstance(endings[runs], GenerationCompleted)
    assert isinstance(endings[queued], GenerationCancelled)


async def test_a_command_that_expires_while_it_waits_is_not_run(
    kafka: Kafka, s3_settings: S3Settings, blobs: BlobStore
) -> None:
    source, gate = await stored(blobs, photo()), Gate()
    async with consuming(kafka, s3_settings, model=gate):
        runs = await kafka.order(source)
        assert await asyncio.to_thread(gate.running.wait, 30)
        until = datetime.now(UTC) + timedelta(seconds=0.5)
        waits = await kafka.order(source, expires_at=until)
        while datetime.now(UTC) <= until:  # noqa: ASYNC110 - waits for the clock
            await asyncio.sleep(0.05)
        gate.open.set()
        endings = await kafka.endings(runs, waits)
    assert isinstance(endings[runs], GenerationCompleted)
    assert endings[waits].reason == "expired"


async def test_an_interactive_job_preempts_a_flood_of_bulk(
    kafka: Kafka, s3_settings: S3Settings, blobs: BlobStore
) -> None:
    source, gate = await stored(blobs, photo()), Gate()
    async with consuming(kafka, s3_settings, model=gate, max_in_flight=IN_FLIGHT, progress_after_ms=0):
        flood = [await kafka.order(source, priority=Priority.BULK) for _ in range(FLOOD)]
        assert await asyncio.to_thread(gate.running.wait, 30)
        person = await kafka.order(source)
        gate.open.set()
        await kafka.endings(*flood, person)
        progress = await kafka.read(topics.PROGRESS, lambda found: len(_started(found)) > FLOOD)
    # Jobs begun before the interactive one continue; no further bulk job starts before it.
    begun = _started(progress)
    assert begun.index(person) <= 2 * IN_FLIGHT, f"{begun.index(person)} of {FLOOD} went first"


def _started(progress: list[Any]) -> list[Any]:
    """Return the generations in the order of their start."""
    return [each.generation_id for each in progress if type(each).__name__ == "GenerationStarted"]
