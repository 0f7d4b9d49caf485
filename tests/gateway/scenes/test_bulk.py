"""One request for several scenes: each has its own outcome, and a repeat changes nothing."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest

from tests.gateway.rows import put_scene

SCENES = "/api/v1/scenes"


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def bulk(api, headers, action: str, *scenes: object, **more):
    body = {"action": action, "scene_ids": [str(each) for each in scenes]} | more
    return await api.client.post(f"{SCENES}/bulk", headers=headers, json=body)


def outcomes(answer) -> list[str | None]:
    assert answer.status_code == 200, answer.text
    items = answer.json()["items"]
    assert answer.json()["done"] == sum(each["done"] for each in items)
    assert all(each["done"] == (each["code"] is None) for each in items)
    return [each["code"] for each in items]


async def test_ended_scenes_are_deleted_and_the_others_named(api, me) -> None:
    headers, account = me
    done, failed = await put_scene(api, account), await put_scene(api, account, "failed")
    running = await put_scene(api, account, "processing")
    strange = await put_scene(api, await api.account_id(await api.person()))
    asked = (done, running, failed, strange, uuid4(), done)
    codes = [None, "scene_unfinished", None, "not_found", "not_found"]
    for _ in range(2):  # a repeat: what is deleted stays so, with one event each
        assert outcomes(await bulk(api, headers, "delete", *asked)) == codes
    left = await api.sql("SELECT id FROM scene_generations WHERE deleted_at IS NULL")
    assert {row["id"] for row in left} == {running, strange}
    assert len(await api.sql("SELECT FROM outbox")) == 2


async def test_tags_and_marks_are_there_once(api, me) -> None:
    headers, account = me
    first, second = await put_scene(api, account), await put_scene(api, account, "pending")
    strange = await put_scene(api, await api.account_id(await api.person()))
    for _ in range(2):
        done = await bulk(api, headers, "tag", first, second, strange, tags=["May", "new"])
        assert outcomes(done) == [None, None, "not_found"]
        assert outcomes(await bulk(api, headers, "favourite", first)) == [None]
    rows = await api.sql("SELECT id, tags, favourite FROM scene_generations")
    assert {row["id"]: (row["tags"], row["favourite"]) for row in rows} == {
        first: (["may", "new"], True), second: (["may", "new"], False), strange: ([], False),
    }  # fmt: skip
    for _ in range(2):
        assert outcomes(await bulk(api, headers, "untag", first, tags=["may"])) == [None]
        assert outcomes(await bulk(api, headers, "unfavourite", first)) == [None]
    (row,) = await api.sql("SELECT tags, favourite FROM scene_generations WHERE id = $1", first)
    assert (row["tags"], row["favourite"]) == (["new"], False)
    await api.sql("UPDATE scene_generations SET name_erased_at = now() WHERE id = $1", second)
    most = [f"t{n}" for n in range(20)]
    assert outcomes(await bulk(api, headers, "tag", first, second, tags=most)) == [
        "validation_failed", "name_erased",
    ]  # fmt: skip


async def test_exports_are_ordered_within_the_quota_and_once(api, me) -> None:
    headers, account = me
    most = api.services.account_quotas.of_role("user").max_exports_in_flight
    scenes = [await put_scene(api, account) for _ in range(most + 2)]
    running = await put_scene(api, account, "processing")
    answer = await bulk(api, headers, "export", running, *scenes, format="SPZ")
    assert outcomes(answer) == ["scene_unfinished", *[None] * most, *["quota_exports"] * 2]
    again = await bulk(api, headers, "export", running, *scenes, format="spz", options={})
    ids = [[item["export_id"] for item in each.json()["items"]] for each in (answer, again)]
    assert ids[0] == ids[1]
    await api.sql("UPDATE export_jobs SET status = 'completed'")
    assert outcomes(await bulk(api, headers, "export", *scenes, format="spz")) == [None] * len(scenes)
    (row,) = await api.sql("SELECT count(*) FROM export_jobs")
    assert row["count"] == len(scenes)


async def test_requests_that_are_not_valid(api, me, assert_problem) -> None:
    headers, account = me
    scene = await put_scene(api, account)
    for action, more in [
        ("archive", {}),
        ("tag", {}),
        ("tag", {"tags": [""]}),
        ("export", {}),
        ("export", {"format": "spz", "options": {"no_such": 1}}),
        ("delete", {"x": 1}),
        ("delete", {"scene_ids": []}),
        ("delete", {"scene_ids": [str(UUID(int=n)) for n in range(101)]}),
    ]:
        assert_problem(await bulk(api, headers, action, scene, **more), 422, "validation_failed")
    assert_problem(await bulk(api, headers, "export", scene, format="exe"), 422, "format_unknown")
