from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from sharpstream.client import AsyncClient, Client, Job, ServiceError, make
from tests.sharpstream.client.service import KEY, FakeService


class Seen:
    """Records the reported progress."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.fractions: list[float] = []

    def at(self, stage: str, fraction: float) -> None:
        if self.stages[-1:] != [stage]:
            self.stages.append(stage)
        self.fractions.append(fraction)


async def run(service: FakeService, photo: Path, seen: Seen | None = None, **options: object):
    job = Job(photo=photo, target=photo.with_suffix(".ply"))
    async with AsyncClient(service.url, KEY) as client:
        made = await make(client, job, {}, seen or Seen(), timeout_s=30, replace=False, **options)
    return job, made


async def test_a_photo_becomes_a_file(service: FakeService, photo: Path) -> None:
    seen = Seen()
    service.lag = 3
    job, made = await run(service, photo, seen)
    scene = service.scenes[job.generation_id or ""]
    assert scene.body == await asyncio.to_thread(photo.read_bytes)
    assert made.path.read_bytes() == scene.splat
    assert made.bytes == len(scene.splat)
    assert made.sha256 == hashlib.sha256(scene.splat).hexdigest()
    assert seen.stages == [
        "send", "queue", "start", "fetch", "decode", "batch", "inference", "encode", "upload", "save",
    ]  # fmt: skip
    assert seen.fractions == sorted(seen.fractions)
    assert seen.fractions[-1] == 1.0
    assert not service.store_saw_key


async def test_a_broken_stream_is_resumed_after_the_last_durable_event(
    service: FakeService, photo: Path
) -> None:
    seen = Seen()
    service.break_after = [5, 0]
    job, made = await run(service, photo, seen)
    assert service.scenes[job.generation_id or ""].resumed_after == [None, "1-4-10", "1-4-10"]
    assert "reconnect" in seen.stages
    assert made.path.exists()


async def test_a_failed_generation_raises_its_own_code(service: FakeService, photo: Path) -> None:
    service.failing["coffee.jpg"] = ("photo_undecodable", "The photo cannot be decoded; save it anew.")
    with pytest.raises(ServiceError, match="save it anew") as caught:
        await run(service, photo)
    assert caught.value.code == "photo_undecodable"


async def test_a_problem_carries_everything(service: FakeService, photo: Path) -> None:
    document = {"code": "photo_too_small", "message": "Send a larger one.", "correlation_id": "c-9"}
    service.problems["coffee.jpg"] = (422, document, {})
    with pytest.raises(ServiceError) as caught:
        await run(service, photo)
    error = caught.value
    assert (error.code, error.message, error.status, error.correlation_id, error.passing) == (
        "photo_too_small", "Send a larger one.", 422, "c-9", False,
    )  # fmt: skip


async def test_a_busy_service_is_asked_again_when_it_said(service: FakeService, photo: Path) -> None:
    seen = Seen()
    service.problems["coffee.jpg"] = (429, {"code": "too_many", "message": "Later."}, {"Retry-After": "0"})
    _, made = await run(service, photo, seen)
    assert made.path.exists()
    assert "wait" in seen.stages


async def test_a_damaged_download_is_refused(service: FakeService, photo: Path) -> None:
    service.damaged.add("coffee.jpg")
    with pytest.raises(ServiceError, match="sha256") as caught:
        await run(service, photo)
    assert caught.value.code == "download_failed"
    assert [path.name for path in photo.parent.iterdir()] == ["coffee.jpg"]


async def test_a_foreign_page_is_reported(service: FakeService, photo: Path) -> None:
    service.problems["coffee.jpg"] = (200, {"hello": "world"}, {})
    with pytest.raises(ServiceError, match="does not answer like Sharpstream"):
        await run(service, photo)


async def test_time_runs_out_with_the_id_in_the_sentence(service: FakeService, photo: Path) -> None:
    service.lag = 10**9
    job = Job(photo=photo, target=photo.with_suffix(".ply"))
    async with AsyncClient(service.url, KEY) as client:
        with pytest.raises(ServiceError, match="scenes/id-1") as caught:
            await make(client, job, {}, Seen(), timeout_s=0.5, replace=False)
    assert caught.value.code == "timed_out"


async def test_no_dependency_answers(photo: Path) -> None:
    async with AsyncClient("http://127.0.0.1:9", KEY) as client:
        with pytest.raises(ServiceError, match=r"127\.0\.0\.1:9 cannot be reached") as caught:
            await client.check()
    assert caught.value.passing


def test_a_blocking_stream_is_resumed_too(beside: FakeService, photo: Path) -> None:
    beside.break_after = [5, 0]
    breaks: list[ServiceError | None] = []
    with Client(beside.url, KEY) as client:
        job = client.generate(photo).generation_id
        events = list(client.follow(job, lost=breaks.append))
    assert beside.scenes[job].resumed_after == [None, "1-4-10", "1-4-10"]
    assert [event.type for event in events if event.cursor] == [
        "generation.requested.v1", "generation.completed.v1",
    ]  # fmt: skip
    assert len(breaks) == 2


def test_an_upload_whose_answer_was_lost_is_the_same_request_again(beside: FakeService, photo: Path) -> None:
    beside.problems["coffee.jpg"] = (502, {}, {})
    with Client(beside.url, KEY) as client:
        job = client.generate(photo).generation_id
    first, second = beside.idempotency_keys
    assert first == second != ""
    assert beside.scenes[job].body == photo.read_bytes()
