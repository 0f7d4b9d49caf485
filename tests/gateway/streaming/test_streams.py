"""Live streams over a real socket: followed, resumed, waiting, ending."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from bus.contract.messages import (
    GenerationProgress,
    GenerationStarted,
    Stage,
)
from tests.gateway.conftest import until


async def test_a_jobs_stream_from_its_request_to_its_ending(world):
    job = await world.scene()
    async with asyncio.timeout(30), world.follow(job) as (answer, frames):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store, no-transform"
        assert answer.headers["x-accel-buffering"] == "no"
        opening = await anext(frames)
        assert opening.keys() == {"retry", "comment"}
        assert 1000 <= int(opening["retry"]) <= 4000
        requested = await world.publish(world.requested(job))
        await world.heard(requested)
        await world.publish_progress(
            GenerationStarted(generation_id=job, account_id=world.account, worker="w")
        )
        progress = GenerationProgress(
            generation_id=job, account_id=world.account, stage=Stage.INFERENCE, fraction=0.5
        )
        await world.publish_progress(progress)
        seen = []
        async for frame in frames:
            if "event" not in frame:
                assert frame == {"comment": "still here"}
                continue
            seen.append(frame)
            if frame["event"] == "generation.progress.v1":
                completed = await world.publish(world.completed(job))
    assert [frame["event"] for frame in seen] == [
        "generation.requested.v1",
        "generation.started.v1",
        "generation.progress.v1",
        "generation.completed.v1",
    ]
    assert [frame.get("id") for frame in seen] == [str(requested), None, None, str(completed)]
    first = seen[0]["data"]
    assert first.keys() == {"specversion", "id", "type", "source", "time", "subject", "cursor", "data"}
    assert first["cursor"] == str(requested)
    assert "cursor" not in seen[1]["data"]
    assert (first["subject"], first["source"]) == (str(job), "/test")
    assert first["data"]["generation_id"] == str(job)
    assert first["data"]["account_id"] == str(world.account)


@pytest.mark.parametrize("where", ["ring", "log", "both"])
async def test_resume_at_every_index(world, where):
    """The past is in the ring, in the event log, or in both; the frames are the same."""
    job, other = await world.scene(), await world.scene()
    await world.publish(world.requested(job))
    await world.publish(world.requested(other))
    if where == "both":
        await world.project()
    await world.publish(world.completed(other))
    last = await world.publish(world.completed(job))
    if where == "log":
        await world.project()
    await world.heard(last)
    if where == "log":
        ring = world.api.services.hub._rings[last.partition]
        ring.events.clear()
        ring.floor = ring.next
    whole = await world.whole(job)
    assert [frame["event"] for frame in whole] == ["generation.requested.v1", "generation.completed.v1"]
    ids = [frame["id"] for frame in whole]
    for index, after in enumerate(ids[:-1]):
        assert await world.whole(job, after) == whole[index + 1 :]
    # The cursor of another job of the account is a position in the same order.
    between = str(world.published[1][0])
    assert await world.whole(job, between) == whole[1:]
    await world.project()
    async with world.follow(job, ids[-1]) as (answer, _):
        assert answer.status_code == 204


async def test_an_ending_that_the_ledger_lacks_ends_a_resumed_stream(world):
    job = await world.scene()
    await world.publish(world.requested(job))
    end = await world.publish(world.completed(job))
    await world.heard(end)
    assert await world.whole(job, str(end)) == []


async def test_a_stream_waits_for_a_ledger_that_lags(world):
    job = await world.scene()
    first = await world.publish(world.requested(job))
    await world.heard(first)
    ring = world.api.services.hub._rings[first.partition]
    ring.events.clear()  # as if events of others had displaced it
    ring.floor = ring.next
    async with asyncio.timeout(30), world.follow(job) as (_, frames):
        while (frame := await anext(frames)) != {"comment": "still here"}:
            assert "event" not in frame
        end = await world.publish(world.completed(job))
        await world.heard(end)
        await world.project()
        seen = [frame["id"] async for frame in frames if "event" in frame]
    assert seen == [str(first), str(end)]


async def test_idle_streams_get_comments_without_id(world):
    job = await world.scene()
    async with asyncio.timeout(30), world.follow(job) as (_, frames):
        await anext(frames)
        for _ in range(3):
            assert await anext(frames) == {"comment": "still here"}


async def test_a_disconnected_reader_is_removed(world):
    job = await world.scene()
    async with world.follow(job) as (_, frames):
        await anext(frames)
        await anext(frames)
        assert world.api.services.hub._readers
    await until(lambda: not world.api.services.hub._readers)


async def test_stopping_ends_open_streams(world):
    job = await world.scene()
    async with asyncio.timeout(30), world.follow(job) as (_, frames):
        await anext(frames)
        world.api.services.hub.close()
        async for frame in frames:
            assert "event" not in frame


@pytest.mark.parametrize("after", ["nonsense", "1-2", "9-0-0", "1-99-0", "00"])
async def test_invalid_cursors_are_refused(world, assert_problem, after):
    job = await world.scene()
    async with world.follow(job, after) as (answer, _):
        await answer.aread()
        assert_problem(answer, 400, "cursor_invalid")


async def test_another_accounts_stream_is_not_found(world, assert_problem):
    job = await world.scene()
    _, eve = await world.api.key(await world.api.person())
    for path in (job, uuid4()):
        async with world.follow(path, headers=eve) as (answer, _):
            await answer.aread()
            assert_problem(answer, 404, "not_found")
