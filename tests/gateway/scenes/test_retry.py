"""A scene's photo processed again: a new scene with its own copy, which names the old one."""

from __future__ import annotations

import json
from uuid import UUID

import pytest

from bus.bridges.outbox import load
from bus.contract import topics
from bus.contract.envelope import decode
from tests.gateway.pictures import encoded
from tests.gateway.rows import end, put_scene

SCENES = "/api/v1/scenes"
JPEG = encoded("JPEG")


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def retry(api, headers, scene, key: str | None = None, **body):
    more = {"Idempotency-Key": key} if key else {}
    return await api.client.post(f"{SCENES}/{scene}/retry", headers=headers | more, json=body)


async def sent(api, headers, status: str = "completed", **form: str) -> str:
    scene = (await api.generate(headers, JPEG, **form)).json()["generation_id"]
    await end(api, UUID(scene), status)
    return scene


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
async def test_the_photo_of_an_ended_scene_is_processed_again(api, me, status) -> None:
    headers, account = me
    first = await sent(api, headers, status, metadata='{"room": 1e308, "name": "Kitchen"}')
    notes = {"name": "Renamed", "tags": ["may"], "favourite": True}
    await api.client.patch(f"{SCENES}/{first}", headers=headers, json=notes)
    await api.sql("DELETE FROM outbox")
    answer = await retry(api, headers, first, focal_length_mm=24.0)
    assert answer.status_code == 202, answer.text
    made = answer.json()["generation_id"]
    assert answer.headers["location"] == f"{SCENES}/{made}"

    ((command, event),) = [load(row["records"]) for row in await api.sql("SELECT records FROM outbox")]
    order = decode(topics.COMMANDS_INTERACTIVE, command.value, command.headers).message
    assert (str(order.generation_id), order.focal_length_mm, order.model) == (made, 24.0, None)
    assert order.source.key.startswith(f"originals/{made}/")
    requested = decode(topics.EVENTS, event.value, event.headers).message
    assert (str(requested.retry_of), requested.account_id) == (first, account)

    shown = (await api.client.get(f"{SCENES}/{made}", headers=headers)).json()
    assert (shown["retry_of"], shown["name"], shown["tags"]) == (first, "Renamed", ["may"])
    assert not shown["favourite"]
    (row,) = await api.sql("SELECT client_metadata FROM scene_generations WHERE id = $1", UUID(made))
    assert row["client_metadata"] == '{"room": 1e308, "name": "Kitchen"}'  # as it was sent

    await api.client.delete(f"{SCENES}/{first}", headers=headers)
    while await api.services.removals.work():
        pass
    assert await api.services.blobs.get(order.source) == JPEG  # the copy outlives the first


async def test_one_key_makes_one_scene(api, me, assert_problem) -> None:
    headers, _ = me
    first, other = await sent(api, headers), await sent(api, headers)
    made = {
        (await retry(api, headers, first, "k", focal_length_px=900)).json()["generation_id"] for _ in "ab"
    }
    assert len(made) == 1
    assert_problem(await retry(api, headers, first, "k", focal_length_px=901), 422, "idempotency_key_reused")
    assert_problem(await retry(api, headers, other, "k", focal_length_px=900), 422, "idempotency_key_reused")
    (row,) = await api.sql("SELECT count(*) FROM scene_generations")
    assert row["count"] == 3


async def test_what_cannot_be_tried_again_is_refused(api, me, assert_problem) -> None:
    headers, account = me
    running = (await api.generate(headers, JPEG)).json()["generation_id"]
    assert_problem(await retry(api, headers, running), 409, "scene_unfinished")
    scene = await sent(api, headers)
    for body, code, status in [
        ({"focal_length_px": 0}, "focal_length_invalid", 422),
        ({"focal_length_mm": 5001}, "focal_length_invalid", 422),
        ({"focal_length_mm": "24"}, "validation_failed", 422),
        ({"image_url": "http://a.example/"}, "validation_failed", 422),
        ({"model": "no such model"}, "model_not_running", 409),
        ({"priority": "urgent"}, "validation_failed", 422),
    ]:
        assert_problem(await retry(api, headers, scene, **body), status, code)
    _, eve = await api.key(await api.person())
    assert_problem(await retry(api, eve, scene), 404, "not_found")
    await api.sql("UPDATE scene_generations SET original_erased_at = now() WHERE id = $1", UUID(scene))
    assert_problem(await retry(api, headers, scene), 410, "photo_erased")
    gone = await put_scene(api, account, "failed")  # its object is not in the store
    assert_problem(await retry(api, headers, gone), 410, "photo_erased")


async def test_the_running_model_may_be_named(api, me) -> None:
    headers, _ = me
    scene = await sent(api, headers)
    running = await api.client.get("/api/v1/models")
    name = next(model["name"] for model in running.json() if model["running"])
    await api.sql("DELETE FROM outbox")
    assert (await retry(api, headers, scene, model=name)).status_code == 202
    ((command, _),) = [load(row["records"]) for row in await api.sql("SELECT records FROM outbox")]
    assert json.loads(command.value)["model"] == name


async def test_a_retry_counts_as_a_scene(api, me, assert_problem) -> None:
    headers, account = me
    scene = await sent(api, headers)
    await api.sql(
        "INSERT INTO account_quotas (user_id, max_in_flight, updated_at) VALUES ($1, 1, now())", account
    )
    api.services.account_quotas._known.clear()
    assert (await retry(api, headers, scene)).status_code == 202
    assert_problem(await retry(api, headers, scene), 429, "quota_in_flight")
