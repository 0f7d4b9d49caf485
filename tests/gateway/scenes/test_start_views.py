"""The start view: saved by the scene's owner, shown wherever the scene is shown."""

from __future__ import annotations

import json

import pytest

from bus.contract.ids import new_id
from tests.gateway.rows import RESULT, put_scene

SCENES = "/api/v1/scenes"
VIEW = {"right_m": 0.25, "up_m": -0.1, "forward_m": 0.0}


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def test_a_saved_view_is_shown_to_the_owner_and_by_shares(api, me) -> None:
    headers, account = me
    scene = new_id()
    metadata = {"result": RESULT, "focal_source": "default", "scale_uncertainty": 0.3}
    await put_scene(api, account, id=scene, metadata=json.dumps(metadata))
    before = (await api.client.get(f"{SCENES}/{scene}", headers=headers)).json()
    assert before["start_view"] is None
    for view in (VIEW | {"right_m": 0.5}, VIEW):  # the last one counts
        saved = await api.client.put(f"{SCENES}/{scene}/start-view", headers=headers, json=view)
        assert (saved.status_code, saved.json()) == (200, view)
    after = (await api.client.get(f"{SCENES}/{scene}", headers=headers)).json()
    assert (after["start_view"], after["updated_at"]) == (VIEW, before["updated_at"])
    made = await api.client.post(f"{SCENES}/{scene}/shares", headers=headers, json={})
    shown = (await api.client.get(f"/api/v1/shared/{made.json()['token']}")).json()
    assert shown["start_view"] == VIEW
    assert (shown["focal_source"], shown["scale_uncertainty"]) == ("default", 0.3)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"right_m": 0, "up_m": 0},
        VIEW | {"right_m": 0.51},
        VIEW | {"up_m": -2},
        VIEW | {"forward_m": "0.1"},
        VIEW | {"forward_m": None},
        VIEW | {"roll": 1},
        [],
    ],
)
async def test_a_view_outside_the_scene_is_refused(api, me, assert_problem, body) -> None:
    headers, account = me
    scene = new_id()
    await put_scene(api, account, id=scene)
    assert_problem(
        await api.client.put(f"{SCENES}/{scene}/start-view", headers=headers, json=body),
        422,
        "validation_failed",
    )


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e999"])
async def test_no_number_is_endless(api, me, number) -> None:
    headers, account = me
    scene = new_id()
    await put_scene(api, account, id=scene)
    answer = await api.client.put(
        f"{SCENES}/{scene}/start-view",
        headers=headers | {"Content-Type": "application/json"},
        content=f'{{"right_m": {number}, "up_m": 0, "forward_m": 0}}',
    )
    assert answer.status_code in {400, 422}, answer.text
    row = await api.sql("SELECT start_view FROM scene_generations WHERE id = $1", scene)
    assert row[0]["start_view"] is None


async def test_a_deleted_scene_has_no_view_to_save(api, me, assert_problem) -> None:
    headers, account = me
    scene = new_id()
    await put_scene(api, account, id=scene)
    assert (await api.client.delete(f"{SCENES}/{scene}", headers=headers)).status_code == 204
    answer = await api.client.put(f"{SCENES}/{scene}/start-view", headers=headers, json=VIEW)
    assert_problem(answer, 404, "not_found")
