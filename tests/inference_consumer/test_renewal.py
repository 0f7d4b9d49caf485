"""The role restarts for new weights: after the jobs in hand, before any other."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from bus.blobs import BlobStore
from bus.runtime.settings import S3Settings
from bus.runtime.tasks import end
from inference_consumer.app import App
from sharpstream.stack import ports
from tests.inference_consumer.consuming import Kafka, consuming, settings_of, stored
from tests.inference_consumer.models import INFO, Echo, FakeModel
from tests.inference_consumer.pictures import photo
from tests.inference_consumer.waiting import until

COLD = replace(INFO, warm_up=False)
pytestmark = pytest.mark.stack


@dataclass
class Waiting(FakeModel):
    """A model whose first batch waits for `release`, and which is outdated once `arrived` is set."""

    release: threading.Event = field(default_factory=threading.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    note: str | None = "half of it is here"

    def __post_init__(self) -> None:
        self.answer = self._wait

    def _wait(self, items: list[Any]) -> list[Any]:
        assert self.release.wait(60)
        return [Echo(item) for item in items]

    async def outdated(self) -> None:
        await self.arrived.wait()


async def test_jobs_in_hand_end_first_and_others_wait_for_the_fresh_process(
    kafka: Kafka, s3_settings: S3Settings, blobs: BlobStore
) -> None:
    source = await stored(blobs, photo())
    model, port = Waiting(info=COLD), ports.choose()
    app = App(settings_of(kafka, s3_settings, port=port), lambda _: model)
    running = asyncio.ensure_future(app.run())
    try:
        await until(lambda: app.ready)
        assert await readiness(port) == {"status": "ready", "note": "half of it is here"}
        first = await kafka.order(source)
        await until(lambda: bool(model.batches))
        with capture_logs() as logs:
            model.arrived.set()
            await until(lambda: any(each["event"] == "restarting_for_new_weights" for each in logs))
            second = await kafka.order(source)
        assert not running.done()
        model.release.set()
        async with asyncio.timeout(60):
            await running
    finally:
        model.release.set()
        await end([running])
    assert len(model.batches) == 1
    assert not app.abandoned
    assert set(await kafka.endings(first)) == {first}
    async with consuming(kafka, s3_settings):  # as the supervisor does it
        assert set(await kafka.endings(first, second)) == {first, second}


async def test_an_idle_role_restarts_at_once(kafka: Kafka, s3_settings: S3Settings) -> None:
    model = Waiting(info=COLD)
    app = App(settings_of(kafka, s3_settings), lambda _: model)
    running = asyncio.ensure_future(app.run())
    try:
        await until(lambda: app.ready)
        model.arrived.set()
        async with asyncio.timeout(60):
            await running
    finally:
        await end([running])
    assert model.batches == []


async def test_a_role_stops_while_it_waits_for_weights(kafka: Kafka, s3_settings: S3Settings) -> None:
    model = Waiting(info=COLD)
    async with consuming(kafka, s3_settings, model=model):
        pass
    assert not model.arrived.is_set()


async def readiness(port: int) -> Any:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/health/ready") as answer:
        return await answer.json()
