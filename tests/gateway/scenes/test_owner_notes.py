"""Names, tags and favourites: changed in any state, found again, and gone with what they are about.

| class | members |
|---|---|
| text of people | Unicode forms, direction marks, slashes, spaces, repeats, upper case |
| limits | 120 characters of a name, 40 of a tag, 20 tags, none that can be read |
| states | waiting, completed, ended meanwhile, deleted, erased, another account's |
"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from bus.contract.ids import new_id
from bus.contract.retention import Policy
from tests.gateway.conftest import PASSWORD
from tests.gateway.retention.kept import fill
from tests.gateway.rows import end, put_objects, put_scene

SCENES = "/api/v1/scenes"


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def change(api, headers, scene, **body):
    return await api.client.patch(f"{SCENES}/{scene}", headers=headers, json=body)


async def ids(api, headers, **query) -> list[str]:
    answer = await api.client.get(SCENES, headers=headers, params=query)
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["items"]]


async def test_a_scene_is_renamed_tagged_and_marked(api, me) -> None:
    headers, account = me
    scene = await put_scene(api, account, metadata=json.dumps({"name": "IMG_1.jpg", "client": {"a": 1}}))
    (before,) = await api.sql("SELECT updated_at FROM scene_generations")
    answer = await change(
        api, headers, scene, name=" Kitchen / hall\u202e\n in Ma\u0308rz ", tags=["Two  words", "x", "X"],
        favourite=True,
    )  # fmt: skip
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["name"] == "Kitchen / hall in M\u00e4rz"
    assert (shown["tags"], shown["favourite"]) == (["two words", "x"], True)
    (listed,) = (await api.client.get(SCENES, headers=headers)).json()["items"]
    assert {key: listed[key] for key in ("name", "tags", "favourite")} == {
        key: shown[key] for key in ("name", "tags", "favourite")
    }
    (row,) = await api.sql("SELECT updated_at, metadata FROM scene_generations")
    assert row["updated_at"] == before["updated_at"]  # retention counts from the end
    assert json.loads(row["metadata"])["client"] == {"a": 1}
    again = (await change(api, headers, scene, favourite=False)).json()
    assert (again["name"], again["tags"], again["favourite"]) == (shown["name"], shown["tags"], False)
    emptied = (await change(api, headers, scene, name="", tags=[])).json()
    assert (emptied["name"], emptied["tags"]) == (None, [])


async def test_files_are_named_after_the_scene(api, me) -> None:
    headers, account = me
    scene = await put_scene(api, account)
    await put_objects(api, f"results/{scene}/winner.ply")
    for name, file in (("Version 1.2 of it", "Version 1.2 of it.ply"), ("IMG_1.JPG", "IMG_1.ply")):
        shown = (await change(api, headers, scene, name=name)).json()
        assert file.replace(" ", "%20") in shown["generated_3d_gaussian_url"].replace("%2520", "%20"), name


async def test_a_waiting_scene_keeps_its_name_when_it_ends(api, me) -> None:
    headers, account = me
    scene = await put_scene(api, account, "pending")
    await change(api, headers, scene, name="Later", tags=["new"])
    await end(api, scene)
    (item,) = (await api.client.get(SCENES, headers=headers)).json()["items"]
    assert (item["name"], item["tags"], item["status"]) == ("Later", ["new"], "completed")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "n" * 121},
        {"name": "\u202e\u200b"},
        {"name": 1},
        {"name": None},
        {"tags": ["t" * 41]},
        {"tags": [""]},
        {"tags": ["  "]},
        {"tags": [f"t{n}" for n in range(21)]},
        {"tags": "kitchen"},
        {"favourite": 1},
        {"status": "failed"},
    ],
)
async def test_what_cannot_be_kept_is_refused(api, me, assert_problem, body) -> None:
    headers, account = me
    scene = await put_scene(api, account)
    assert_problem(await change(api, headers, scene, **body), 422, "validation_failed")


async def test_scenes_are_found_by_their_notes(api, me) -> None:
    headers, account = me
    model = {"model": {"name": "layered/bundled"}}
    a = str(await put_scene(api, account, metadata=json.dumps({"name": "IMG_12MP.jpg"} | model)))
    b = str(await put_scene(api, account, metadata=json.dumps({"model": {"name": "card"}})))
    c = str(await put_scene(api, account, "failed"))
    await change(api, headers, a, tags=["kitchen", "may"], favourite=True)
    await change(api, headers, b, tags=["kitchen"])
    for query, expected in [
        ({"tag": "Kitchen"}, [b, a]),
        ({"tag": "may"}, [a]),
        ({"tag": "%"}, []),
        ({"tag": "\0"}, []),
        ({"favourite": "true"}, [a]),
        ({"favourite": "false"}, [c, b]),
        ({"q": "img 12"}, [a]),
        ({"q": "KITCH"}, [b, a]),
        ({"model": "layered"}, [a]),
        ({"model": "layered/bundled"}, [a]),
        ({"model": "layered/moge2-s"}, []),
        ({"model": "card", "tag": "kitchen"}, [b]),
        ({"status": "failed", "favourite": "true"}, []),
    ]:
        assert await ids(api, headers, **query) == expected, query
    tags = (await api.client.get(f"{SCENES}/tags", headers=headers)).json()["items"]
    assert tags == [{"tag": "kitchen", "scenes": 2}, {"tag": "may", "scenes": 1}]


async def test_scenes_are_sorted(api, me, assert_problem) -> None:
    headers, account = me
    made = {}
    for name, size in (("b.jpg", 5), ("A.jpg", 9), ("c.jpg", 1), (None, 0)):
        metadata = json.dumps({"name": name} if name else {})
        blob = json.dumps({"bytes": size}) if size else None
        made[name] = str(await put_scene(api, account, metadata=metadata, result_blob=blob))
    newest = list(made.values())[::-1]
    for sort, expected in [
        ("newest", newest),
        ("oldest", newest[::-1]),
        ("name", [made[None], made["A.jpg"], made["b.jpg"], made["c.jpg"]]),
        ("largest", [made["A.jpg"], made["b.jpg"], made["c.jpg"], made[None]]),
    ]:
        seen, cursor = [], None
        while True:
            query = {"sort": sort, "limit": 1} | ({"cursor": cursor} if cursor else {})
            page = (await api.client.get(SCENES, headers=headers, params=query)).json()
            seen += [item["id"] for item in page["items"]]
            if (cursor := page["next_cursor"]) is None:
                break
            for other in {"newest", "oldest", "name", "largest"} - {sort}:
                answer = await api.client.get(
                    SCENES, headers=headers, params={"sort": other, "cursor": cursor}
                )
                assert_problem(answer, 400, "cursor_invalid")
        assert seen == expected, sort
    answer = await api.client.get(SCENES, headers=headers, params={"sort": "smallest"})
    assert_problem(answer, 422, "validation_failed")


async def test_notes_go_with_the_scene_the_account_and_the_time_for_names(api, me, assert_problem) -> None:
    headers, account = me
    kept = await fill(api, account, timedelta(hours=2))
    only_tags = await put_scene(api, account, metadata="{}")
    await api.sql(
        "UPDATE scene_generations SET updated_at = now() - interval '2 hours' WHERE id = $1", only_tags
    )
    deleted, left = await put_scene(api, account), await put_scene(api, account)
    for scene in (kept.scene, only_tags, deleted, left):
        assert (await change(api, headers, scene, tags=["ada"])).status_code == 200
    await api.client.delete(f"{SCENES}/{deleted}", headers=headers)
    await api.services.policies.put(account, Policy(names=1))
    await api.services.retention.work()
    rows = await api.sql("SELECT id, tags FROM scene_generations")
    assert {row["id"]: row["tags"] for row in rows} == {
        kept.scene: [], only_tags: [], deleted: [], left: ["ada"],
    }  # fmt: skip
    assert_problem(await change(api, headers, kept.scene, name="Again"), 410, "name_erased")
    assert_problem(await change(api, headers, kept.scene, tags=["again"]), 410, "name_erased")
    assert (await change(api, headers, kept.scene, favourite=True, tags=[], name="")).status_code == 200
    assert_problem(await change(api, headers, deleted, name="Again"), 404, "not_found")
    assert_problem(await change(api, headers, new_id(), name="Again"), 404, "not_found")
    await api.client.request("DELETE", "/api/v1/users/me", headers=headers, json={"password": PASSWORD})
    assert {tuple(row["tags"]) for row in await api.sql("SELECT tags FROM scene_generations")} == {()}
