"""What a job publishes while it runs: the stages that last."""

from __future__ import annotations

import asyncio
from typing import Any

from bus.contract.blob_ref import BlobRef
from bus.contract.messages import GenerateScene, GenerationStarted, Stage
from inference_consumer.stage_timer import Job, StageTimer

PHOTO = BlobRef(key="originals/g/1", sha256="0" * 64, bytes=1, media_type="image/png")
AFTER_S = 0.05


def job(command: GenerateScene) -> Job:
    return Job(command=command, attempt=1, queued_ms=0.0, check=lambda: None)


def started(command: GenerateScene) -> GenerationStarted:
    return GenerationStarted(
        generation_id=command.generation_id, account_id=command.account_id, worker="w", attempt=1
    )


async def test_a_quick_job_publishes_nothing(command: Any) -> None:
    published: list[Any] = []
    one = command(source=PHOTO)
    async with StageTimer(job(one), lambda message, _: published.append(message), after_s=AFTER_S) as watch:
        watch.start(started(one))
        for stage in Stage:
            watch.begin(stage)
    await asyncio.sleep(4 * AFTER_S)  # whatever still waited would be published in this time
    assert published == []


async def test_what_lasts_is_published_and_what_was_over_before_is_not(command: Any) -> None:
    published: list[Any] = []
    one = command(source=PHOTO)
    async with StageTimer(job(one), lambda message, _: published.append(message), after_s=AFTER_S) as watch:
        watch.start(started(one))
        with watch.stage(Stage.FETCH):
            pass
        with watch.stage(Stage.DECODE):
            async with asyncio.timeout(30):
                while len(published) < 2:  # noqa: ASYNC110  (a timer of the loop)
                    await asyncio.sleep(0.005)
        assert watch.timings.fetch_ms is not None
    first, second = published
    assert isinstance(first, GenerationStarted)
    assert second.stage is Stage.DECODE
