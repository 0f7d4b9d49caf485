"""A client's metadata come back byte for byte, and what goes out is no larger than what came in.

| class | members | source |
|---|---|---|
| a value grows or changes | 9e307, 1.50, -0.0, repeated names, escapes | jsonb keeps numbers, not texts |
"""

from __future__ import annotations

import json

from bus.contract.limits import MAX_METADATA_BYTES
from tests.gateway.conftest import PASSWORD
from tests.gateway.pictures import encoded

SCENES = "/api/v1/scenes"
ODD = '{"a":[9e307, 1e308,-0.0,1.50,1E2],"b":1,"b":2,"c":"\\u00e9\\/","name":"kitchen"}'


async def test_metadata_come_back_as_sent_wherever_a_scene_is_shown(api) -> None:
    person = await api.person()
    _, key = await api.key(person)
    scene = (await api.generate(key, encoded("JPEG"), metadata=ODD)).json()["generation_id"]
    one = await api.client.get(f"{SCENES}/{scene}", headers=key)
    page = await api.client.get(SCENES, headers=key, params={"q": "KITCH"})
    data = await api.client.get("/api/v1/users/me/data", headers=person)
    for answer in (one, page, data):
        assert answer.status_code == 200
        assert ODD.encode() in answer.content
    assert one.json()["name"] == "kitchen"
    body = data.json()
    assert body["scenes"][0]["metadata"].keys() == {"client", "image", "name"}
    assert body["profile"]["first_name"] == "Ada"
    assert body.keys() == {
        "profile", "api_keys", "albums", "mails", "sessions", "scenes", "exports", "shares",
        "webhooks", "usage", "retention", "erasures",
    }  # fmt: skip


async def test_metadata_at_the_limit_do_not_grow(api) -> None:
    _, key = await api.key(await api.person())
    numbers = "[" + ",".join(["9e307"] * 2700) + "]"
    sent = f'{{"a":{numbers}}}'
    assert len(sent) <= MAX_METADATA_BYTES
    scene = (await api.generate(key, encoded("JPEG"), metadata=sent)).json()["generation_id"]
    answer = await api.client.get(f"{SCENES}/{scene}", headers=key)
    assert sent.encode() in answer.content
    assert len(answer.content) < len(sent) + 4096


async def test_rows_of_an_earlier_release_are_shown_as_before(api) -> None:
    _, key = await api.key(await api.person())
    scene = (await api.generate(key, encoded("JPEG"))).json()["generation_id"]
    assert (await api.client.get(f"{SCENES}/{scene}", headers=key)).json()["metadata"]["client"] == {}
    await api.sql("UPDATE scene_generations SET metadata = $1", json.dumps({"client": {"name": "old"}}))
    seen = (await api.client.get(f"{SCENES}/{scene}", headers=key)).json()
    assert (seen["metadata"], seen["name"]) == ({"client": {"name": "old"}}, "old")


async def test_metadata_go_with_the_scene_and_with_the_account(api) -> None:
    person = await api.person()
    _, key = await api.key(person)
    made = [
        (await api.generate(key, encoded("JPEG"), metadata='{"x": 1}')).json()["generation_id"]
        for _ in range(2)
    ]
    await api.sql("UPDATE scene_generations SET status = 'completed'")
    await api.client.delete(f"{SCENES}/{made[0]}", headers=key)
    rows = await api.sql("SELECT count(client_metadata) FROM scene_generations")
    assert rows[0][0] == 1
    await api.client.request("DELETE", "/api/v1/users/me", headers=person, json={"password": PASSWORD})
    assert (await api.sql("SELECT count(client_metadata) FROM scene_generations"))[0][0] == 0


async def test_large_exports_of_data_come_in_pages_and_seldom(api, monkeypatch, assert_problem) -> None:
    monkeypatch.setattr("gateway.accounts.data_export.PAGE", 2)
    person = await api.person()
    made = [(await api.key(person))[0] for _ in range(5)]
    data = await api.client.get("/api/v1/users/me/data", headers=person)
    assert [row["id"] for row in data.json()["api_keys"]] == made[::-1]
    for _ in range(9):
        await api.client.get("/api/v1/users/me/data", headers=person)
    again = await api.client.get("/api/v1/users/me/data", headers=person)
    assert_problem(again, 429, "rate_limited")
