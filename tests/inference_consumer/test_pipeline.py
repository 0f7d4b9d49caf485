from __future__ import annotations

import asyncio
import hashlib
import io
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from bus.blobs import BlobCorruptError, BlobMissingError, BlobStoreError
from bus.contract.messages import GenerationProgress, GenerationStarted, Priority, Stage
from inference_consumer.card import Card
from inference_consumer.errors import (
    GenerationStoppedError,
    ModelUnavailableError,
    ResultNotFiniteError,
)
from inference_consumer.null import Null
from inference_consumer.stage_timer import Job
from photo.errors import PhotoTruncatedError
from tests.inference_consumer.models import INFO, Echo, FakeModel
from tests.inference_consumer.pictures import exif_bytes, photo


def job(command: Any, check: Any = lambda: None, attempt: int = 1) -> Job:
    return Job(command=command, attempt=attempt, queued_ms=5.0, check=check)


async def test_a_photo_becomes_a_stored_card(works: Any, command: Any) -> None:
    async with works(Card()) as running:
        source = await running.photo()
        made = await running.pipeline.make(job(command(source=source, focal_length_px=80.0)))
        body, media_type = running.blobs.objects[made.result.key]
    assert body.startswith(b"ply\n")
    assert media_type == made.result.media_type == "application/ply"
    assert made.result.sha256 == hashlib.sha256(body).hexdigest()
    assert made.gaussian_count == 64 * 48
    assert (made.camera.width, made.camera.height, made.camera.focal_px) == (64, 48, 80.0)
    assert (made.model.name, made.model.batch_size, made.model.device) == ("card", 1, "cpu")
    timings = made.timings
    assert timings.queued_ms == 5.0
    stages = (timings.fetch_ms, timings.decode_ms, timings.batch_wait_ms, timings.inference_ms)
    assert all(ms is not None and ms >= 0 for ms in (*stages, timings.encode_ms, timings.upload_ms))


async def test_rendition_and_thumbnail_are_stored_beside_the_splat(works: Any, command: Any) -> None:
    async with works(Null()) as running:
        given = {"exif": exif_bytes(orientation=6), "comment": b"Elm Street 12"}
        one = command(source=await running.photo(photo(960, 720, kind="JPEG", **given)))
        made = await running.pipeline.make(job(one))
        mine = {running.blobs.owners[ref.key] for ref in (made.photo, made.thumbnail, made.result)}
        assert mine == {one.account_id}  # whose key encrypts them
        for ref, size in ((made.photo, (720, 960)), (made.thumbnail, (360, 480))):
            body, media_type = running.blobs.objects[ref.key]
            assert ref.key.startswith(f"results/{one.generation_id}/")
            assert media_type == ref.media_type == "image/jpeg"
            assert b"Elm Street 12" not in body
            with Image.open(io.BytesIO(body)) as image:
                assert image.size == size
                assert not image.getexif()


@pytest.mark.parametrize("stored", [0, 1])
async def test_a_scene_is_not_worth_less_without_its_pictures(works: Any, command: Any, stored: int) -> None:
    async with works(Null()) as running:
        source, put, tried = await running.photo(), running.blobs.put, []

        async def away(key: str, data: Any, media_type: str, **options: Any) -> Any:
            if key.endswith(".jpg"):
                tried.append(key)
                if len(tried) > stored:
                    raise BlobStoreError("The object store cannot be reached.")
            return await put(key, data, media_type, **options)

        running.blobs.put = away
        made = await running.pipeline.make(job(command(source=source)))
    assert len(tried) == 2
    assert (made.photo, made.thumbnail) == (None, None)  # the gateway makes both
    assert made.result.key in running.blobs.objects


async def test_every_attempt_writes_to_a_key_of_its_own(works: Any, command: Any) -> None:
    async with works(Null()) as running:
        one = command(source=await running.photo())
        keys = {(await running.pipeline.make(job(one, attempt=n))).result.key for n in (1, 2, 3)}
    assert len(keys) == 3
    assert all(key.startswith(f"results/{one.generation_id}/") and key.endswith(".ply") for key in keys)


async def test_progress_is_published_as_each_stage_begins(works: Any, command: Any) -> None:
    async with works(Null()) as running:
        one = command(source=await running.photo())
        await running.pipeline.make(job(one, attempt=2))
    (started, *stages) = [message for message, _ in running.published]
    assert isinstance(started, GenerationStarted)
    assert (started.worker, started.attempt) == ("worker-1", 2)
    assert all(isinstance(each, GenerationProgress) for each in stages)
    assert [each.stage for each in stages] == list(Stage)
    fractions = [each.fraction for each in stages]
    assert fractions == sorted(fractions)
    assert {attempt for _, attempt in running.published} == {2}


async def test_errors_in_publishing_progress_are_ignored(works: Any, command: Any) -> None:
    def publish(*_: Any) -> None:
        raise RuntimeError("nobody listens")

    async with works(Null()) as running:
        running.pipeline._publish = publish
        made = await running.pipeline.make(job(command(source=await running.photo())))
        assert made.result.key in running.blobs.objects


async def test_a_bad_photo_in_a_burst_fails_alone(works: Any, command: Any) -> None:
    async with works(Card()) as running:
        good = [await running.photo() for _ in range(7)]
        whole = photo(200, 200)
        bad = await running.photo(whole[: len(whole) // 2])
        jobs = [running.pipeline.make(job(command(source=each))) for each in [*good[:3], bad, *good[3:]]]
        results = await asyncio.gather(*jobs, return_exceptions=True)
    assert isinstance(results[3], PhotoTruncatedError)
    assert results[3].details["timings"].decode_ms > 0
    assert results[3].details["timings"].upload_ms is None
    assert all(each.gaussian_count == 64 * 48 for index, each in enumerate(results) if index != 3)


async def test_a_poison_photo_in_the_batch_fails_alone(works: Any, command: Any) -> None:
    def answer(items: list[Any]) -> list[Any]:
        if (66, 64) in items:
            raise ValueError("poison")
        return [Echo(item) for item in items]

    async with works(FakeModel(answer=answer), max_delay_s=5) as running:
        running.engine._seconds = dict.fromkeys(range(1, 9), 1000.0)  # so that all eight meet in one batch
        sizes = [60, 61, 62, 66, 63, 64, 65, 67]
        sources = [await running.photo(photo(64, height)) for height in sizes]
        jobs = [running.pipeline.make(job(command(source=each))) for each in sources]
        results = await asyncio.gather(*jobs, return_exceptions=True)
    assert [type(each).__name__ for each in results].count("PipelineResult") == 7
    assert isinstance(results[3], ValueError)


async def test_an_error_of_one_result_fails_that_job_only(works: Any, command: Any) -> None:
    def answer(items: list[Any]) -> list[Any]:
        return [ResultNotFiniteError("no.") if item == (50, 64) else Echo(item) for item in items]

    async with works(FakeModel(answer=answer)) as running:
        bad, good = await running.photo(photo(64, 50)), await running.photo()
        with pytest.raises(ResultNotFiniteError) as caught:
            await running.pipeline.make(job(command(source=bad)))
        assert caught.value.details["timings"].fetch_ms is not None
        await running.pipeline.make(job(command(source=good)))


async def test_missing_and_changed_photos_are_distinguished(works: Any, command: Any) -> None:
    async with works(Null()) as running:
        source = await running.photo()
        other, _ = running.blobs.objects[source.key]
        running.blobs.objects[source.key] = (other + b"!", "image/png")
        with pytest.raises(BlobCorruptError):
            await running.pipeline.make(job(command(source=source)))
        await running.blobs.delete(source.key)
        with pytest.raises(BlobMissingError):
            await running.pipeline.make(job(command(source=source)))


async def test_a_failed_upload_raises_blob_store_error(works: Any, command: Any) -> None:
    async def refuse(*_: Any, **__: Any) -> Any:
        raise BlobStoreError("full")

    async with works(Null()) as running:
        source = await running.photo()
        running.blobs.put = refuse
        with pytest.raises(BlobStoreError) as caught:
            await running.pipeline.make(job(command(source=source)))
    assert caught.value.details["timings"].encode_ms is not None


async def test_a_command_for_another_model_is_refused(works: Any, command: Any) -> None:
    async with works(Null()) as running:
        source = await running.photo()
        with pytest.raises(ModelUnavailableError, match="sharp"):
            await running.pipeline.make(job(command(source=source, model="sharp")))
        assert (await running.pipeline.make(job(command(source=source, model="null")))).gaussian_count == 1


async def test_a_command_for_a_model_gets_it_with_any_network(works: Any, command: Any) -> None:
    async with works(FakeModel(info=replace(INFO, name="layered/bundled"))) as running:
        source = await running.photo()
        for asked in ("layered", "layered/bundled", None):
            made = await running.pipeline.make(job(command(source=source, model=asked)))
            assert made.model.name == "layered/bundled"
        with pytest.raises(ModelUnavailableError, match="ask for layered/bundled"):
            await running.pipeline.make(job(command(source=source, model="layered/moge2-s")))


@pytest.mark.parametrize("calls", [0, 1])
async def test_a_stopped_job_ends_between_stages(works: Any, command: Any, calls: int) -> None:
    left = calls

    def check() -> None:
        nonlocal left
        if left == 0:
            raise GenerationStoppedError("requested")
        left -= 1

    model = FakeModel()
    async with works(model) as running:
        model.batches.clear()
        source = await running.photo()
        with pytest.raises(GenerationStoppedError):
            await running.pipeline.make(job(command(source=source, priority=Priority.BULK), check))
        assert model.batches == []
        assert list(running.blobs.objects) == [source.key]
