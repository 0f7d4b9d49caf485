"""The account's events: live and page by page, from any gateway, after any restart."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from bus.contract.messages import GenerationStarted
from gateway.streaming.cursor import Cursor
from tests.gateway.conftest import until
from tests.gateway.world import following, gateway


@pytest.fixture
def gateway_settings(gateway_settings):
    return gateway_settings.model_copy(update={"ring_events": 2, "max_streams": 2})


async def publish_jobs(world, jobs: int) -> list[str]:
    """Publish the events of some jobs, the first half also projected; return their cursors."""
    ids = []
    for number in range(jobs):
        job = await world.scene()
        ids += [await world.publish(world.requested(job)), await world.publish(world.completed(job))]
        if number == jobs // 2:
            await world.project()
    await world.heard(ids[-1])
    return [str(cursor) for cursor in ids]


async def test_resume_at_every_index_on_every_gateway(world, settings, kafka_settings):
    """One gateway read all events and keeps two; another began in the middle, at the ledger's position."""
    async with gateway(settings, kafka_settings, world) as (late, late_url):
        ids = await publish_jobs(world, 3)
        await until(lambda: late.services.hub.positions()[world.partition] > world.published[-1][0].offset)
        projecting = asyncio.create_task(world.project())  # streams wait for events that the rings dropped
        for url in (world.url, late_url):
            world.url = url
            whole = await world.some(len(ids), "0")
            assert [frame["id"] for frame in whole] == ids
            for index, after in enumerate(ids[:-1]):
                assert await world.some(len(ids) - index - 1, after) == whole[index + 1 :]
        await projecting
        assert [frame["data"] for frame in whole] == (await world.page())["events"]


async def test_a_stream_resumes_on_a_restarted_gateway(world, settings, kafka_settings):
    ids = await publish_jobs(world, 2)
    seen = await world.some(2, "0")
    await world.project()
    async with gateway(settings, kafka_settings, world) as (_, world.url):
        hidden = asyncio.create_task(world.some(3, seen[-1]["id"]))
        job = await world.scene()
        ids.append(str(await world.publish(world.requested(job))))
        assert [frame["id"] for frame in seen + await hidden] == ids


async def test_without_a_cursor_a_stream_begins_now_and_sends_its_position(world):
    ids = await publish_jobs(world, 1)
    async with asyncio.timeout(30), world.stream("events") as (_, frames):
        opening = await anext(frames)
        assert opening.keys() == {"retry", "id"}
        assert opening["id"] == ids[-1]
        await anext(frames)  # a comment: the stream is live
        job = await world.scene()
        await world.publish_progress(
            GenerationStarted(generation_id=job, account_id=world.account, worker="w")
        )
        new = await world.publish(world.requested(job))
        seen = []
        while len(seen) < 2:
            frame = await anext(frames)
            seen += [frame] if "event" in frame else []
    assert {(frame["event"], frame.get("id")) for frame in seen} == {
        ("generation.started.v1", None),
        ("generation.requested.v1", str(new)),
    }
    # A client that was disconnected before the first event misses nothing.
    assert [frame["id"] for frame in await world.some(1, opening["id"])] == [str(new)]


async def test_a_new_account_begins_before_its_first_event(world):
    async with asyncio.timeout(30), world.stream("events") as (_, frames):
        assert (await anext(frames))["id"] == "0"


async def test_the_cursor_may_be_a_query_and_the_header_wins(world):
    first, second = await publish_jobs(world, 1)
    assert [frame["id"] for frame in await world.some(1, path=f"events?after={first}")] == [second]
    assert [frame["id"] for frame in await world.some(1, first, path=f"events?after={second}")] == [second]
    job = await world.scene()
    await world.publish(world.requested(job))
    end = await world.publish(world.completed(job))
    await world.heard(end)
    await world.project()
    async with world.stream(f"scenes/{job}/events?after={end}") as (answer, _):
        assert answer.status_code == 204


async def test_events_are_filtered_by_type(world, assert_problem):
    ids = await publish_jobs(world, 2)
    await world.project()
    wanted = "events?types=generation.completed.v1"
    assert [frame["id"] for frame in await world.some(2, "0", path=wanted)] == ids[1::2]
    page = await world.page(types="generation.completed.v1, generation.failed.v1", limit=1)
    assert [event["cursor"] for event in page["events"]] == [ids[1]]
    assert page["next_cursor"] == ids[1]
    page = await world.page(types="export.failed.v1")
    assert page == {"events": [], "next_cursor": ids[-1]}  # no such event up to there
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{world.url}/api/v1/events?types=x", headers=world.headers)
    assert "generation.completed.v1" in assert_problem(answer, 422, "types_invalid")["details"]["known"]


async def test_pages_contain_the_whole_log_while_the_ledger_writes(world):
    """The ledger writes between the pages; no event is repeated or skipped."""
    jobs = [await world.scene() for _ in range(4)]
    ids = [str(await world.publish(world.requested(job))) for job in jobs]
    later, world.published = world.published[1:], world.published[:1]
    seen, cursor = [], "0"
    for _ in range(20):
        page = await world.page(after=cursor, limit=2)
        seen += [event["cursor"] for event in page["events"]]
        cursor = page["next_cursor"]
        if later and not page["events"]:
            world.published.append(later.pop(0))
        if world.published:
            await world.project()
    assert seen == ids
    assert cursor == ids[-1]


async def test_an_empty_log_has_a_cursor_too(world):
    assert await world.page() == {"events": [], "next_cursor": "0"}


async def test_a_cursor_before_removed_events_is_refused_as_expired(world, assert_problem):
    ids = await publish_jobs(world, 3)
    await world.project()
    epoch, partition, offset = world.published[3][0]
    removed = await world.api.sql("SELECT forget_events($1, $2, $3)", epoch, partition, offset)
    assert removed[0][0] == 3
    oldest = str(Cursor(epoch, partition, offset - 1))
    for accept in ("application/json", "text/event-stream"):
        async with httpx.AsyncClient() as client:
            answer = await client.get(
                f"{world.url}/api/v1/events",
                headers=world.headers | {"Accept": accept},
                params={"after": ids[1]},
            )
        assert assert_problem(answer, 410, "cursor_expired")["details"] == {"oldest_cursor": oldest}
    for after in (oldest, "0"):
        assert [frame["id"] for frame in await world.some(3, after)] == ids[3:]
        assert [e["cursor"] for e in (await world.page(after=after))["events"]] == ids[3:]
    # Removed events of an ended job do not keep its stream open.
    job = world.published[1][1].headers
    subject = next(value.decode() for name, value in job if name == "ce_subject")
    await world.api.sql("UPDATE scene_generations SET status = 'completed'")
    async with world.stream(f"scenes/{subject}/events") as (answer, _):
        assert answer.status_code == 204


async def test_events_of_an_older_topic_epoch_stay_readable(world, settings, kafka_settings):
    ids = await publish_jobs(world, 1)
    await world.project()
    newer = replace(settings, kafka=settings.kafka.model_copy(update={"topic_epoch": 2}))
    async with gateway(newer, kafka_settings, world) as (api, world.url):
        await until(lambda: api.services.hub.positions()[world.partition] > world.published[-1][0].offset)
        page = await world.page(after=ids[0])
        assert [event["cursor"] for event in page["events"]] == ids[1:]
        again = await world.page(after=page["next_cursor"])
        assert again == {"events": [], "next_cursor": page["next_cursor"]}


async def test_a_cursor_beyond_the_end_is_refused(world, assert_problem):
    ids = await publish_jobs(world, 1)
    last = world.published[-1][0]
    for offset in (last.offset + 2, last.offset + 10_000):  # a control record follows the last event
        async with httpx.AsyncClient() as client:
            answer = await client.get(
                f"{world.url}/api/v1/events?after=1-{last.partition}-{offset}", headers=world.headers
            )
        assert_problem(answer, 400, "cursor_invalid")
    # A cursor that another gateway reached first is valid; without Kafka this cannot be decided.
    world.api.services.hub.set_floors({last.partition: last.offset})
    await world.api.sql("UPDATE projector_offsets SET next_offset = $1", last.offset)
    assert (await world.page(after=ids[-1]))["events"] == []
    world.api.services.tail._consumer = None
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{world.url}/api/v1/events?after={ids[-1]}", headers=world.headers)
    assert_problem(answer, 503, "temporarily_unavailable")
    await world.project()
    assert (await world.page(after=ids[-1]))["events"] == []


async def test_streams_of_an_account_are_limited(world, assert_problem):
    job = await world.scene()
    async with world.stream("events") as (_, one), world.follow(job) as (_, two):
        await anext(one)
        await anext(two)
        async with world.stream("events") as (answer, _):
            await answer.aread()
            assert assert_problem(answer, 429, "too_many_streams")["details"] == {"limit": 2}
            assert answer.headers["retry-after"]
        other = await world.api.person()
        async with world.stream("events", headers=other) as (answer, _):
            assert answer.status_code == 200
    await until(lambda: not world.api.services.hub.all())
    async with world.stream("events") as (answer, _):
        assert answer.status_code == 200


async def test_the_stream_of_an_export(world, assert_problem):
    job = await world.scene()
    export = await world.export(job)
    other = await world.publish(world.requested(job))
    end = await world.publish(world.exported(export, job))
    await world.heard(end)
    async with asyncio.timeout(30), world.stream(f"exports/{export}/events", str(other)) as (_, frames):
        seen = [frame async for frame in frames if "event" in frame]
    assert [(frame["event"], frame["id"]) for frame in seen] == [("export.completed.v1", str(end))]
    await world.project()
    async with world.stream(f"exports/{export}/events", str(end)) as (answer, _):
        assert answer.status_code == 204
    for export_id in (uuid4(), job):
        async with world.stream(f"exports/{export_id}/events") as (answer, _):
            await answer.aread()
            assert_problem(answer, 404, "not_found")
    _, eve = await world.api.key(await world.api.person())
    async with following(f"{world.url}/api/v1/exports/{export}/events", eve) as (answer, _):
        await answer.aread()
        assert_problem(answer, 404, "not_found")
