from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import UNSET

from bus.blobs import BlobMissingError, BlobStoreError
from bus.contract import envelope, ids, topics
from bus.contract.messages import GenerationCancelled, GenerationCompleted, GenerationFailed, type_of
from bus.runtime.errors import TransientError, UndecodableError
from inference_consumer import metrics
from inference_consumer.card import Card
from inference_consumer.handlers import Generations
from inference_consumer.models import Estimates
from inference_consumer.null import Null
from photo.errors import PhotoTruncatedError
from tests.inference_consumer.conftest import record_of
from tests.inference_consumer.models import Echo, Estimating, FakeModel
from tests.inference_consumer.pictures import exif_bytes, photo


def never_cancelled(_: Any) -> bool:
    return False


def event_of(records: Any, command: Any) -> Any:
    """Check what all endings have in common, and return the single ending."""
    (out,) = records
    assert out.topic == topics.EVENTS.name
    assert out.key == str(command.account_id).encode()
    got = envelope.decode(topics.EVENTS, out.value, out.headers)
    assert got.id == str(ids.event_id(command.generation_id, type_of(got.message)))
    assert (got.source, got.subject) == ("/sharpstream/inference", str(command.generation_id))
    assert (got.correlation_id, got.traceparent[:5]) == ("corr-1", "00-0a")
    return got.message


async def test_a_command_is_completed(works: Any, command: Any) -> None:
    before = metrics.GENERATION_SECONDS.labels("interactive")._sum.get()
    async with works(Card()) as running:
        one = command(source=await running.photo(), requested_at=datetime.now(UTC) - timedelta(seconds=3))
        records = await Generations(running.pipeline, never_cancelled).handle(record_of(one, attempt=2))
        assert metrics.GENERATION_SECONDS.labels("interactive")._sum.get() >= before + 3
    event = event_of(records, one)
    assert isinstance(event, GenerationCompleted)
    assert event.result.key in running.blobs.objects
    assert event.input_sha256 == one.source.sha256
    assert (event.image_width, event.image_height, event.attempt) == (64, 48, 2)
    assert event.gaussian_count == 64 * 48
    assert 3000 <= event.timings.queued_ms < 60_000
    assert event.model.name == "card"


@pytest.mark.parametrize(
    ("stated", "exif", "found", "focal_px", "source"),
    [
        ({"focal_length_px": 80.0}, {"focal35": 26}, Estimates(), 80.0, "request"),
        ({"focal_length_mm": 36.0}, {"focal35": 26}, Estimates(), 36 * 80 / math.hypot(36, 24), "request"),
        ({}, {"focal35": 26}, Estimates(), 26 * 80 / math.hypot(36, 24), "exif"),
        ({}, {}, Estimates(), 30 * 80 / math.hypot(36, 24), "default"),
        ({}, {}, Estimates(focal_px=71.5), 71.5, "network"),
        ({}, {}, Estimates(focal_px=1e9), 30 * 80 / math.hypot(36, 24), "default"),
        ({}, {}, Estimates(focal_px=math.nan), 30 * 80 / math.hypot(36, 24), "default"),
    ],
    ids=["pixels asked", "mm asked", "exif", "nobody", "the network", "no lens", "no number"],
)
async def test_the_event_states_the_focal_length_and_its_source(
    works: Any, command: Any, stated: Any, exif: Any, found: Estimates, focal_px: float, source: str
) -> None:
    model = FakeModel(answer=lambda items: [Estimating(item, estimates=found) for item in items])
    async with works(model) as running:
        data = photo(exif=exif_bytes(**exif))
        one = command(source=await running.photo(data), **stated)
        event = event_of(await Generations(running.pipeline, never_cancelled).handle(record_of(one)), one)
    assert event.focal_length_px == pytest.approx(focal_px)
    assert event.focal_source == source


@pytest.mark.parametrize(
    ("spread", "published"), [(0.26, 0.26), (None, UNSET), (math.inf, UNSET), (math.nan, UNSET)]
)
async def test_the_event_states_the_uncertainty_of_the_scale_where_the_model_does(
    works: Any, command: Any, spread: float | None, published: Any
) -> None:
    found = Estimates(scale_spread=spread)
    model = FakeModel(answer=lambda items: [Estimating(item, estimates=found) for item in items])
    async with works(model) as running:
        one = command(source=await running.photo())
        event = event_of(await Generations(running.pipeline, never_cancelled).handle(record_of(one)), one)
    assert event.scale_uncertainty == published


async def test_a_redelivered_command_yields_the_same_event_id(works: Any, command: Any) -> None:
    async with works(Null()) as running:
        one = command(source=await running.photo())
        handle = Generations(running.pipeline, never_cancelled).handle
        first, second = [await handle(record_of(one)), await handle(record_of(one, attempt=2))]
    assert dict(first[0].headers)["ce_id"] == dict(second[0].headers)["ce_id"]


@pytest.mark.parametrize("offset", [timedelta(seconds=-1), timedelta(0)])
@pytest.mark.parametrize("zone", [UTC, None])
async def test_an_expired_command_is_cancelled(works: Any, command: Any, offset: Any, zone: Any) -> None:
    moment = datetime(2026, 5, 5, 12, tzinfo=UTC)
    model = FakeModel()
    async with works(model) as running:
        model.batches.clear()
        one = command(source=await running.photo(), expires_at=(moment + offset).replace(tzinfo=zone))
        records = await Generations(running.pipeline, never_cancelled, now=lambda: moment).handle(
            record_of(one)
        )
    event = event_of(records, one)
    assert isinstance(event, GenerationCancelled)
    assert event.reason == "expired"
    assert model.batches == []


async def test_a_command_before_its_expiry_is_completed(works: Any, command: Any) -> None:
    async with works(Null()) as running:
        later = datetime.now(UTC) + timedelta(hours=1)
        one = command(source=await running.photo(), expires_at=later)
        records = await Generations(running.pipeline, never_cancelled).handle(record_of(one))
    assert isinstance(event_of(records, one), GenerationCompleted)


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.parametrize(("minutes", "published"), [(29, True), (31, False)])
async def test_a_job_in_flight_long_after_its_expiry_gets_no_ending_from_its_worker(
    works: Any, command: Any, *, made: bool, minutes: int, published: bool
) -> None:
    """The process is suspended during the job; the ledger may have ended the job meanwhile."""
    noon = datetime(2026, 5, 5, 12, tzinfo=UTC)
    times = [noon]

    def answer(items: list[Any]) -> list[Any]:
        times.append(noon + timedelta(minutes=1 + minutes))
        good = made or set(items) == {(256, 256)}  # the warm-up's
        return [Echo(item) if good else PhotoTruncatedError("half") for item in items]

    async with works(FakeModel(answer=answer)) as running:
        times[1:] = []
        one = command(source=await running.photo(), expires_at=noon + timedelta(minutes=1))
        handling = Generations(running.pipeline, never_cancelled, now=lambda: times[-1]).handle(
            record_of(one)
        )
        if made or not published:
            records = await handling
            assert len(records) == published
            assert not published or isinstance(event_of(records, one), GenerationCompleted)
        else:
            with pytest.raises(PhotoTruncatedError):
                await handling


async def test_a_command_with_a_cancel_request_is_cancelled(works: Any, command: Any) -> None:
    async with works(Null()) as running:
        one, other = command(source=await running.photo()), command(source=await running.photo())
        generations = Generations(running.pipeline, {one.generation_id}.__contains__)
        event = event_of(await generations.handle(record_of(one)), one)
        assert isinstance(event, GenerationCancelled)
        assert event.reason == "requested"
        assert isinstance(event_of(await generations.handle(record_of(other)), other), GenerationCompleted)


async def test_a_cancel_request_during_inference_comes_too_late(works: Any, command: Any) -> None:
    requested: set[Any] = set()

    def answer(items: list[Any]) -> list[Any]:
        requested.update(everyone)
        return [Echo(item) for item in items]

    everyone: list[Any] = []
    async with works(FakeModel(answer=answer)) as running:
        requested.clear()
        one = command(source=await running.photo())
        everyone.append(one.generation_id)
        records = await Generations(running.pipeline, requested.__contains__).handle(record_of(one))
        assert one.generation_id in requested
    assert isinstance(event_of(records, one), GenerationCompleted)


async def test_a_bad_photo_ends_as_failed_with_its_code_and_timings(works: Any, command: Any) -> None:
    async with works(Null()) as running:
        whole = photo(200, 200)
        one = command(source=await running.photo(whole[: len(whole) // 2]))
        generations, record = Generations(running.pipeline, never_cancelled), record_of(one)
        with pytest.raises(PhotoTruncatedError) as caught:
            await generations.handle(record)
        event = event_of(generations.give_up(record, caught.value), one)
    assert isinstance(event, GenerationFailed)
    assert (event.code, event.message) == ("photo_truncated", caught.value.message)
    assert event.timings.fetch_ms >= 0
    assert event.timings.inference_ms is None


async def test_an_unavailable_store_is_transient_and_a_missing_photo_permanent(
    works: Any, command: Any
) -> None:
    async def away(_: Any) -> bytes:
        raise BlobStoreError("The object store cannot be reached.")

    async with works(Null()) as running:
        one = command(source=await running.photo())
        generations = Generations(running.pipeline, never_cancelled)
        running.blobs.get = away
        with pytest.raises(TransientError):
            await generations.handle(record_of(one))
        del running.blobs.get
        await running.blobs.delete(one.source.key)
        with pytest.raises(BlobMissingError) as caught:
            await generations.handle(record_of(one))
        event = event_of(generations.give_up(record_of(one), caught.value), one)
    assert event.code == "blob_missing"


async def test_an_undecodable_command_raises_and_has_no_ending(works: Any, command: Any) -> None:
    async with works(Null()) as running:
        generations = Generations(running.pipeline, never_cancelled)
        record = replace(record_of(command(source=await running.photo())), value=b"{")
        with pytest.raises(UndecodableError) as caught:
            await generations.handle(record)
        assert generations.give_up(record, caught.value) == []
