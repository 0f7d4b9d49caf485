"""Cancelling: the request is stored and published once, and does not decide how the scene ends."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from bus.bridges.outbox import load
from bus.contract import topics
from bus.contract.envelope import decode
from tests.gateway.pictures import encoded
from tests.gateway.rows import end, put_scene

SCENES = "/api/v1/scenes"


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def published_requests(api):
    return [load(row["records"]) for row in await api.sql("SELECT records FROM outbox ORDER BY id")]


async def test_the_cancel_request_is_written_and_published(api, me):
    headers, account = me
    scene = (await api.generate(headers, encoded("JPEG"))).json()["generation_id"]
    await api.sql("DELETE FROM outbox")
    answer = await api.client.post(
        f"{SCENES}/{scene}/cancel", headers=headers | {"X-Correlation-ID": "stop-1"}
    )
    assert answer.status_code == 202, answer.text
    body = answer.json()
    assert (body["generation_id"], body["status"]) == (scene, "pending")
    assert body["message"]
    seen = (await api.client.get(f"{SCENES}/{scene}", headers=headers)).json()
    assert seen["cancel_requested_at"] == body["cancel_requested_at"]
    assert seen["status"] == "pending"  # only the owner of the command ends it
    ((record,),) = await published_requests(api)
    cancel_request = decode(topics.CANCELLATIONS, record.value, record.headers)
    assert (record.topic, record.key) == (topics.CANCELLATIONS.name, scene.encode())
    assert (str(cancel_request.message.generation_id), cancel_request.message.account_id) == (scene, account)
    assert cancel_request.correlation_id == answer.headers["x-request-id"] != "stop-1"


@pytest.mark.parametrize("status", ["pending", "processing"])
async def test_a_repeat_returns_the_same_answer_and_publishes_nothing(api, me, status):
    headers, account = me
    scene = await put_scene(api, account, status)
    asked = [api.client.post(f"{SCENES}/{scene}/cancel", headers=headers) for _ in range(5)]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert len(await published_requests(api)) == 1


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
async def test_an_ended_scene_cannot_be_cancelled(api, me, status, assert_problem):
    headers, account = me
    scene = await put_scene(api, account, "pending")
    await api.client.post(f"{SCENES}/{scene}/cancel", headers=headers)
    await end(api, scene, status)
    answer = await api.client.post(f"{SCENES}/{scene}/cancel", headers=headers)
    assert assert_problem(answer, 409, "scene_ended")["details"] == {"status": status}
    assert len(await published_requests(api)) == 1


async def test_a_failing_outbox_leaves_no_cancel_request(api, me, assert_problem):
    headers, account = me
    scene = await put_scene(api, account, "pending")
    await api.sql("ALTER TABLE outbox ADD CONSTRAINT refused CHECK (false) NOT VALID")
    assert_problem(await api.client.post(f"{SCENES}/{scene}/cancel", headers=headers), 500, "internal")
    (row,) = await api.sql("SELECT cancel_requested_at FROM scene_generations")
    assert row[0] is None


async def test_unknown_and_foreign_scenes_are_not_found(api, me, assert_problem):
    _, account = me
    scene = await put_scene(api, account, "pending")
    eve = await api.person()
    for each in (scene, uuid4()):
        assert_problem(await api.client.post(f"{SCENES}/{each}/cancel", headers=eve), 404, "not_found")
    assert await published_requests(api) == []
