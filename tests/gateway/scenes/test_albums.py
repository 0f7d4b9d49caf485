"""Albums: one link shows several scenes; what is deleted leaves it, and the others stay."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from gateway.scenes.albums import MOST
from tests.gateway.conftest import PASSWORD
from tests.gateway.rows import put_scene
from tests.gateway.scenes.test_archives import stored
from tests.gateway.scenes.test_shares import put_view

ALBUMS, SHARED, SCENES = "/api/v1/albums", "/api/v1/shared-albums", "/api/v1/scenes"


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def make(api, headers, *scenes, **more):
    body = {"title": "Our flat", "scene_ids": [str(each) for each in scenes]} | more
    return await api.client.post(ALBUMS, headers=headers, json=body)


async def positions(api, token: str) -> list[int]:
    answer = await api.client.get(f"{SHARED}/{token}", params={"again": "true"})
    return [item["position"] for item in answer.json()["items"]] if answer.status_code == 200 else []


async def test_a_link_shows_its_scenes_in_order_and_nothing_of_their_owner(api, me) -> None:
    headers, account = me
    first, second = await stored(api, account, "one.jpg", b"1"), await stored(api, account, "two.jpg", b"22")
    await put_view(api, second, "preview", f"exports/{second}/p.png")
    made = await make(api, headers, second, first, expires_in_hours=24, allow_download=True)
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["url"] == f"{api.services.settings.gateway.public_url.rstrip('/')}/a/{body['token']}"
    lasts = datetime.fromisoformat(body["expires_at"]) - datetime.fromisoformat(body["created_at"])
    assert (lasts, body["scenes"]) == (timedelta(hours=24), 2)
    seen = await api.client.get(f"{SHARED}/{body['token']}")
    shown = seen.json()
    assert (shown["title"], [item["name"] for item in shown["items"]]) == ("Our flat", ["two.jpg", "one.jpg"])
    assert [item["position"] for item in shown["items"]] == [1, 2]
    assert "p.png" in shown["items"][0]["preview_url"]
    assert str(account) not in seen.text
    one = (await api.client.get(f"{SHARED}/{body['token']}/scenes/2")).json()
    assert one["name"] == "one.jpg"
    assert "winner.ply" in one["download_url"]
    packed = await api.client.get(shown["archive_url"])
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert archive.namelist() == ["two.ply", "one.ply"]
    assert (
        "Our%20flat.zip" in packed.headers["content-disposition"]
        or "Our flat.zip" in (packed.headers["content-disposition"])
    )
    await api.services.albums.sweep()
    (listed,) = (await api.client.get(ALBUMS, headers=headers)).json()["items"]
    assert listed == {k: v for k, v in body.items() if k != "token"} | {"opened": 1}
    (row,) = await api.sql("SELECT to_jsonb(a)::text AS text FROM albums a")
    assert body["token"] not in row["text"]


async def test_scenes_leave_and_the_others_stay(api, me, assert_problem) -> None:
    headers, account = me
    scenes = [await put_scene(api, account) for _ in range(4)]
    made = (await make(api, headers, *scenes)).json()
    token = made["token"]
    assert await positions(api, token) == [1, 2, 3, 4]
    await api.client.delete(f"{SCENES}/{scenes[0]}", headers=headers)
    await api.sql("UPDATE scene_generations SET result_erased_at = now() WHERE id = $1", scenes[2])
    assert await positions(api, token) == [2, 4]
    assert_problem(await api.client.get(f"{SHARED}/{token}/scenes/1"), 404, "not_found")
    assert_problem(await api.client.get(f"{SHARED}/{token}/archive"), 404, "not_found")  # not offered
    (listed,) = (await api.client.get(ALBUMS, headers=headers)).json()["items"]
    assert listed["scenes"] == 2
    for scene in (scenes[1], scenes[3]):
        await api.client.delete(f"{SCENES}/{scene}", headers=headers)
    assert_problem(await api.client.get(f"{SHARED}/{token}"), 404, "not_found")


async def test_albums_end_by_revocation_expiry_and_erasure(api, me, assert_problem) -> None:
    headers, account = me
    scene = await put_scene(api, account)
    made = [(await make(api, headers, scene)).json() for _ in range(3)]
    assert (await api.client.delete(f"{ALBUMS}/{made[0]['id']}", headers=headers)).status_code == 204
    assert_problem(await api.client.delete(f"{ALBUMS}/{made[0]['id']}", headers=headers), 404, "not_found")
    await api.sql(
        "UPDATE albums SET created_at = now() - interval '2 hours', expires_at = now() WHERE id = $1",
        UUID(made[1]["id"]),
    )
    for token in (made[0]["token"], made[1]["token"], "x", f"{made[2]['token']}x", str(uuid4())):
        assert_problem(await api.client.get(f"{SHARED}/{token}"), 404, "not_found")
    await api.services.albums.sweep()
    assert [row["id"] for row in await api.sql("SELECT id FROM albums")] == [UUID(made[2]["id"])]
    mine = (await api.client.get("/api/v1/users/me/data", headers=headers)).json()["albums"]
    assert [(each["id"], each["scenes"]) for each in mine] == [(made[2]["id"], [str(scene)])]
    await api.client.request("DELETE", "/api/v1/users/me", headers=headers, json={"password": PASSWORD})
    assert_problem(await api.client.get(f"{SHARED}/{made[2]['token']}"), 404, "not_found")
    assert await api.sql("SELECT FROM albums") == await api.sql("SELECT FROM album_scenes") == []


async def test_albums_of_a_key_end_with_it(api, me) -> None:
    headers, account = me
    scene = await put_scene(api, account)
    answer = await api.client.post(
        "/api/v1/api-keys", headers=headers, json={"name": "k", "scopes": ["shares:write", "scenes:read"]}
    )
    key = {"X-API-Key": answer.json()["key"]}
    of_key, mine = (
        (await make(api, key, scene, expires_in_hours=8760)).json(),
        await make(api, headers, scene),
    )
    lasts = datetime.fromisoformat(of_key["expires_at"]) - datetime.fromisoformat(of_key["created_at"])
    assert lasts == timedelta(days=30)
    urls = [item["url"] for item in (await api.client.get(ALBUMS, headers=key)).json()["items"]]
    assert urls == [None, of_key["url"]]
    await api.client.delete(f"/api/v1/api-keys/{answer.json()['id']}?end_shares=true", headers=headers)
    assert await positions(api, of_key["token"]) == []
    assert await positions(api, mine.json()["token"]) == [1]


async def test_what_cannot_be_shared_is_refused(api, me, assert_problem) -> None:
    headers, account = me
    done, running = await put_scene(api, account), await put_scene(api, account, "processing")
    strange = await put_scene(api, await api.account_id(await api.person()))
    body = assert_problem(await make(api, headers, done, running), 409, "scene_unfinished")
    assert body["details"]["scene_id"] == str(running)
    assert_problem(await make(api, headers, done, strange), 404, "not_found")
    for more in (
        {"title": ""}, {"title": "t" * 121}, {"title": "\u202e"}, {"scene_ids": []}, {"expires_in_hours": 0},
        {"scene_ids": [str(uuid4()) for _ in range(101)]}, {"embed_origins": ["*"]},
    ):  # fmt: skip
        assert_problem(await make(api, headers, done, **more), 422, "validation_failed")
    await api.sql(
        "INSERT INTO albums (id, user_id, name, token_hash, pepper, show_photo, allow_download, opened,"
        " created_at, expires_at) SELECT gen_random_uuid(), $1, 'a', n::text, 'p', true, false, 0, now(),"
        " now() + interval '1 hour' FROM generate_series(1, $2) AS n", account, MOST,
    )  # fmt: skip
    assert_problem(await make(api, headers, done), 409, "albums_exhausted")


async def test_a_hidden_photo_stays_hidden(api, me) -> None:
    headers, account = me
    names = ("photo_url", "thumbnail_url")
    urls = {name: f"s3://{api.services.blobs.bucket}/results/x/{name}.jpg" for name in names}
    scene = await put_scene(api, account, **urls)
    tokens = [(await make(api, headers, scene, show_photo=shown)).json()["token"] for shown in (True, False)]
    (item,) = (await api.client.get(f"{SHARED}/{tokens[0]}")).json()["items"]
    assert all(f"results/x/{name}.jpg" in item[name] for name in names)
    seen = await api.client.get(f"{SHARED}/{tokens[1]}")
    assert [seen.json()["items"][0][name] for name in names] == [None, None]
    assert "results/x" not in seen.text
    ordered = await api.sql("SELECT purpose FROM export_jobs ORDER BY purpose")
    assert [row["purpose"] for row in ordered] == ["preview", "viewer"]  # the preview stands for the photo
