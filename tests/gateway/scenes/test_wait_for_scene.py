"""``Prefer: wait=N`` waits for the ending, no longer than requested, with a limit for each account."""

from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from bus.contract import topics
from gateway.scenes import wait_for_scene
from gateway.scenes.wait_for_scene import requested_seconds
from gateway.streaming.cursor import Cursor, partition_of
from gateway.streaming.event import StreamEvent
from gateway.streaming.waiters import MOST_AT_ONCE, REMEMBERED, Waiters
from tests.gateway.conftest import until
from tests.gateway.pictures import encoded
from tests.gateway.rows import end, put_scene

SCENES = "/api/v1/scenes"
_offsets = itertools.count()


@pytest.fixture
async def me(api):
    person = await api.person()
    await api.services.hub.wait_ready(30)
    return person, await api.account_id(person)


def ending(account: UUID, generation_id: UUID, kind: str = "generation.completed.v1") -> StreamEvent:
    partition = partition_of(account, topics.EVENTS.partitions)
    return StreamEvent(
        cursor=Cursor(1, partition, next(_offsets)), account_id=account, id=str(uuid4()), type=kind,
        source="/test", time=datetime.now(UTC), subject=str(generation_id), body=b"{}",
    )  # fmt: skip


def get(api, headers, scene, prefer):
    return asyncio.create_task(api.client.get(f"{SCENES}/{scene}", headers=headers | {"Prefer": prefer}))


def waits(api, account) -> int:
    return api.services.waiters._waiting[account]


def watched(api, monkeypatch):
    """Return a list that records the reads of scenes."""
    reads, read = [], api.services.scenes.get

    async def counted(*arguments):
        reads.append(arguments)
        return await read(*arguments)

    monkeypatch.setattr(api.services.scenes, "get", counted)
    return reads


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
async def test_a_waiter_is_woken_by_the_ending(api, me, status, monkeypatch):
    headers, account = me
    scene = await put_scene(api, account, "pending")
    reads = watched(api, monkeypatch)
    asked = get(api, headers, scene, "wait=60")
    await until(lambda: waits(api, account) == 1)
    api.services.hub.publish(ending(account, uuid4()))  # another scene's ending wakes no waiter
    await asyncio.sleep(0.1)
    assert len(reads) == 1  # waiting reads nothing from the database
    await end(api, scene, status)
    api.services.hub.publish(ending(account, scene, f"generation.{status}.v1"))
    answer = await asked
    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert answer.headers["preference-applied"] == "wait=60"
    assert waits(api, account) == 0


async def test_the_answer_waits_for_the_ledger_so_that_a_later_read_agrees(api, me):
    headers, account = me
    scene = await put_scene(api, account, "processing")
    asked = get(api, headers, scene, "wait=60")
    await until(lambda: waits(api, account) == 1)
    api.services.hub.publish(ending(account, scene))
    await asyncio.sleep(0.05)
    assert not asked.done()
    await end(api, scene)
    assert (await asked).json()["status"] == "completed"


async def test_an_ending_published_before_the_wait_is_noticed(api, me):
    """The event comes first, the wait second, the ledger last; no further notification follows."""
    headers, account = me
    scene = await put_scene(api, account, "processing")
    api.services.hub.publish(ending(account, scene))
    asked = get(api, headers, scene, "wait=60")
    await until(lambda: waits(api, account) == 1)
    await end(api, scene)
    assert (await asked).json()["status"] == "completed"


async def test_a_generation_that_ends_in_time_has_its_id_under_both_names(api, me):
    headers, account = me
    asked = asyncio.create_task(api.generate(headers | {"Prefer": "wait"}, encoded("JPEG")))
    await until(lambda: waits(api, account) == 1)
    (row,) = await api.sql("SELECT id FROM scene_generations")
    await end(api, row["id"])
    api.services.hub.publish(ending(account, row["id"]))
    answer = await asked
    assert answer.status_code == 200
    assert answer.headers["preference-applied"] == "wait=60"
    assert answer.json()["generation_id"] == answer.json()["id"] == str(row["id"])


async def test_a_wait_times_out_with_the_current_state(api, me):
    headers, account = me
    scene = await put_scene(api, account, "pending")
    answer = await get(api, headers, scene, "respond-async, wait=1")
    assert (answer.status_code, answer.json()["status"]) == (200, "pending")
    assert answer.headers["preference-applied"] == "wait=1"
    assert await api.services.scene_waiter.wait(account, scene, 0.01) is None


async def test_an_ending_without_an_event_is_read_at_the_deadline(api, me):
    headers, account = me
    scene = await put_scene(api, account, "pending")
    asked = get(api, headers, scene, "wait=1")
    await until(lambda: waits(api, account) == 1)
    await end(api, scene)
    assert (await asked).json()["status"] == "completed"


async def test_ended_and_unknown_scenes_are_answered_at_once(api, me, assert_problem):
    headers, account = me
    scene = await put_scene(api, account)
    assert (await get(api, headers, scene, "wait=60")).json()["status"] == "completed"
    eve = await api.person()
    for headers_, each in ((headers, uuid4()), (eve, scene)):
        assert_problem(await get(api, headers_, each, "wait=60"), 404, "not_found")


async def test_waits_beyond_the_limit_are_answered_at_once(api, me):
    headers, account = me
    scene = await put_scene(api, account, "pending")
    asked = [get(api, headers, scene, "wait=60") for _ in range(MOST_AT_ONCE)]
    await until(lambda: waits(api, account) == MOST_AT_ONCE)
    answer = await get(api, headers, scene, "wait=60")
    assert answer.json()["status"] == "pending"
    assert "preference-applied" not in answer.headers
    assert await api.services.scene_waiter.wait(account, scene, 60) is None
    await end(api, scene)
    api.services.hub.publish(ending(account, scene))
    answers = await asyncio.gather(*asked)
    assert {each.json()["status"] for each in answers} == {"completed"}
    assert not api.services.waiters._calls


async def test_shutdown_ends_every_waiter(api, me):
    headers, account = me
    scene = await put_scene(api, account, "pending")
    asked = get(api, headers, scene, "wait=60")
    await until(lambda: waits(api, account) == 1)
    api.services.waiters.close()
    assert (await asked).json()["status"] == "pending"
    assert (await get(api, headers, scene, "wait=60")).json()["status"] == "pending"


async def test_a_disconnected_client_frees_its_slot(api, me):
    headers, account = me
    scene = await put_scene(api, account, "pending")
    asked = get(api, headers, scene, "wait=60")
    await until(lambda: waits(api, account) == 1)
    asked.cancel()
    await asyncio.wait([asked])
    assert waits(api, account) == 0


def test_the_number_of_remembered_endings_is_bounded():
    waiters, account = Waiters(), uuid4()
    for _ in range(REMEMBERED + 5):
        waiters.hear(ending(account, uuid4()))
    waiters.hear(ending(account, uuid4(), "generation.requested.v1"))
    assert len(waiters._ended) == REMEMBERED


@pytest.mark.parametrize(
    ("prefer", "seconds"),
    [
        (None, None), ("", None), ("wait=10", 10), ("WAIT = 10", 10), ("respond-async, wait=5", 5),
        ("wait=5; foo=1", 5), ('wait="7"', 7), ("wait=9999", wait_for_scene.MOST_SECONDS), ("wait=0", 0),
        ("wait=-1", None), ("wait=1.5", None), ("wait", 60), ("xwait=3", None), ("wait=x", None),
        ("respond-async, wait", 60), ("wait; a=1", 60), ("waiting", None),
    ],
)  # fmt: skip
def test_the_prefer_header_is_parsed(prefer, seconds):
    assert requested_seconds(prefer) == seconds
