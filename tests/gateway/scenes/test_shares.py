"""Shares: a link shows one scene until it expires or is revoked, or the scene or its owner is deleted."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from bus.contract.ids import new_id
from gateway.scenes.share_routes import BY_ADDRESS
from gateway.scenes.shares import MOST
from tests.gateway.conftest import PASSWORD
from tests.gateway.rows import RESULT, put_objects, put_scene

SCENES, SHARES, SHARED = "/api/v1/scenes", "/api/v1/shares", "/api/v1/shared"
METADATA = {
    "client": {"room": "kitchen"},
    "name": "kitchen.jpg",
    "result": RESULT | {"width": 8, "height": 6},
}


@pytest.fixture
async def me(api):
    person = await api.person()
    return person, await api.account_id(person)


async def share(api, headers, scene, **body):
    return await api.client.post(f"{SCENES}/{scene}/shares", headers=headers, json=body)


async def put_view(api, scene: UUID, purpose: str, key: str, status: str = "completed") -> None:
    await api.sql(
        "INSERT INTO export_jobs (id, scene_generation_id, export_format, status, purpose, export_file_url,"
        " created_at, updated_at) VALUES ($1, $2, 'png', $3, $4, $5, now(), now())",
        new_id(), scene, status, purpose, f"s3://{api.services.blobs.bucket}/{key}",
    )  # fmt: skip


async def test_a_link_shows_its_scene_and_nothing_else(api, me) -> None:
    headers, account = me
    scene = new_id()
    photo = f"s3://{api.services.blobs.bucket}/results/{scene}/photo.jpg"
    await put_scene(api, account, id=scene, metadata=json.dumps(METADATA), photo_url=photo)
    await put_objects(api, f"exports/{scene}/p.png", f"exports/{scene}/v.spz", f"originals/{scene}/photo")
    await put_view(api, scene, "preview", f"exports/{scene}/p.png")
    await put_view(api, scene, "viewer", f"exports/{scene}/v.spz")
    made = await share(api, headers, scene, expires_in_hours=24)
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["url"] == f"{api.services.settings.gateway.public_url.rstrip('/')}/s/{body['token']}"
    lasts = datetime.fromisoformat(body["expires_at"]) - datetime.fromisoformat(body["created_at"])
    assert lasts == timedelta(hours=24)

    seen = await api.client.get(f"{SHARED}/{body['token']}")
    assert (seen.status_code, seen.headers["cache-control"]) == (200, "no-store")
    shown = seen.json()
    urls = {name: shown.pop(name) for name in ("viewer_url", "preview_url", "photo_url")}
    assert all("X-Amz-Signature" in url for url in urls.values())
    assert ("v.spz" in urls["viewer_url"], "p.png" in urls["preview_url"]) == (True, True)
    assert "photo.jpg" in urls["photo_url"]
    assert "originals" not in seen.text
    scene_row = (await api.client.get(f"{SCENES}/{scene}", headers=headers)).json()
    assert shown == {
        "name": "kitchen.jpg", "created_at": scene_row["created_at"], "expires_at": body["expires_at"],
        "gaussian_count": 3, "width": 8, "height": 6, "focal_length_px": 9.0, "download_url": None,
        "focal_source": None, "scale_uncertainty": None, "start_view": None,
    }  # fmt: skip
    assert 'kitchen"' not in seen.text  # the owner's own metadata are not shown

    (listed,) = (await api.client.get(f"{SCENES}/{scene}/shares", headers=headers)).json()["items"]
    assert listed == {k: v for k, v in body.items() if k != "token"}
    (row,) = await api.sql("SELECT to_jsonb(s)::text AS text FROM shares s")
    assert body["token"] not in row["text"]


async def test_shares_end_by_revocation_expiry_deletion_and_erasure(api, me, assert_problem) -> None:
    headers, account = me
    scenes = [await put_scene(api, account) for _ in range(4)]
    made = [(await share(api, headers, scene)).json() for scene in scenes]
    tokens = [each["token"] for each in made]
    for token in tokens:
        assert (await api.client.get(f"{SHARED}/{token}")).status_code == 200
    assert (await api.client.delete(f"{SHARES}/{made[0]['id']}", headers=headers)).status_code == 204
    assert_problem(await api.client.delete(f"{SHARES}/{made[0]['id']}", headers=headers), 404, "not_found")
    await api.sql(
        "UPDATE shares SET created_at = now() - interval '2 hours', expires_at = now() WHERE id = $1",
        UUID(made[1]["id"]),
    )
    assert (await api.client.get(f"{SCENES}/{scenes[1]}/shares", headers=headers)).json()["items"] == []
    assert (await api.client.delete(f"{SCENES}/{scenes[2]}", headers=headers)).status_code == 204
    for token in (*tokens[:3], "", "x", f"{tokens[3]}x", tokens[3].swapcase(), "%00" * 43, str(uuid4())):
        assert_problem(await api.client.get(f"{SHARED}/{token}"), 404, "not_found")
    await api.services.shares.sweep()
    assert [row["id"] for row in await api.sql("SELECT id FROM shares")] == [UUID(made[3]["id"])]
    mine = (await api.client.get("/api/v1/users/me/data", headers=headers)).json()["shares"]
    assert [each["id"] for each in mine] == [made[3]["id"]]

    await api.client.request("DELETE", "/api/v1/users/me", headers=headers, json={"password": PASSWORD})
    assert_problem(await api.client.get(f"{SHARED}/{tokens[3]}"), 404, "not_found")
    assert await api.sql("SELECT FROM shares") == []


async def test_unfinished_scenes_and_shares_beyond_the_limit_are_refused(api, me, assert_problem) -> None:
    headers, account = me
    scene, running = await put_scene(api, account), await put_scene(api, account, "processing")
    assert_problem(await share(api, headers, running), 409, "scene_unfinished")
    assert_problem(await share(api, headers, uuid4()), 404, "not_found")
    for body in ({"expires_in_hours": 0}, {"expires_in_hours": 8761}, {"expires_in_hours": 1.5}, {"x": 1}):
        assert_problem(await share(api, headers, scene, **body), 422, "validation_failed")
    await api.sql(
        "INSERT INTO shares SELECT gen_random_uuid(), $1, n::text, now(), now() + interval '1 hour'"
        " FROM generate_series(1, $2) AS n", scene, MOST - 1,
    )  # fmt: skip
    assert (await share(api, headers, scene)).status_code == 201
    assert assert_problem(await share(api, headers, scene), 409, "shares_exhausted")["details"] == {
        "limit": MOST
    }


async def test_attempts_from_one_address_are_rate_limited(api, assert_problem) -> None:
    await api.services.limits.take(BY_ADDRESS, "127.0.0.1", BY_ADDRESS.quota - 1)
    assert_problem(await api.client.get(f"{SHARED}/{'x' * 43}"), 404, "not_found")
    answer = await api.client.get(f"{SHARED}/{'x' * 43}")
    assert_problem(answer, 429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 1
