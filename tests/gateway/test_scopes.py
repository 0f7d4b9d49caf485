"""Scopes do not add up: what one keeps apart, no other joins.

| class | members | source |
|---|---|---|
| history is read by a scope that writes | replay, redelivery to a changed address | webhooks that read |
| scenes are read by a scope that writes | a share, also after the key was revoked or expired | links |
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.gateway.rows import put_scene

KEYS, HOOKS = "/api/v1/api-keys", "/api/v1/webhooks"
SOME = UUID(int=7)  # in the tests' names, which are the same in every process


async def key_with(api, person, *scopes: str, **more: str) -> tuple[str, dict[str, str]]:
    answer = await api.client.post(KEYS, headers=person, json={"name": "k", "scopes": list(scopes)} | more)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], {"X-API-Key": answer.json()["key"]}


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        (f"{HOOKS}/{SOME}/replay?after=0", "scenes:read"),
        (f"{HOOKS}/deliveries/{SOME}/redeliver", "scenes:read"),
        (f"/api/v1/scenes/{SOME}/shares", "shares:write"),
    ],
)
async def test_writing_does_not_read(api, assert_problem, path, scope) -> None:
    person = await api.person()
    _, narrow = await key_with(api, person, "webhooks:write", "scenes:write")
    body = assert_problem(await api.client.post(path, headers=narrow, json={}), 403, "scope_missing")
    assert body["details"] == {"scope": scope}
    _, wide = await key_with(api, person, "webhooks:write", "scenes:read", "shares:write")
    assert (await api.client.post(path, headers=wide, json={})).status_code == 404


async def share(api, headers, scene, hours=8760) -> dict:
    answer = await api.client.post(
        f"/api/v1/scenes/{scene}/shares", headers=headers, json={"expires_in_hours": hours}
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def opens(api, made) -> bool:
    return (await api.client.get(f"/api/v1/shared/{made['token']}")).status_code == 200


async def test_a_key_makes_short_shares_that_end_with_it_on_request(api) -> None:
    person = await api.person()
    scene = await put_scene(api, await api.account_id(person))
    soon = datetime.now(UTC) + timedelta(hours=2)
    key_id, key = await key_with(api, person, "shares:write")
    kept_id, kept = await key_with(api, person, "shares:write")
    _, brief = await key_with(api, person, "shares:write", expires_at=soon.isoformat())
    mine, of_key, of_kept, of_brief = [await share(api, each, scene) for each in (person, key, kept, brief)]

    def lasts(made) -> timedelta:
        return datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)

    assert lasts(mine) > timedelta(days=364)
    assert lasts(of_key) <= timedelta(days=30)
    assert lasts(of_brief) <= timedelta(hours=2)
    await api.client.delete(f"{KEYS}/{key_id}?end_shares=true", headers=person)
    await api.client.delete(f"{KEYS}/{kept_id}", headers=person)
    assert [await opens(api, each) for each in (mine, of_key, of_kept, of_brief)] == [True, False, True, True]
    await api.client.delete(f"{KEYS}/{kept_id}?end_shares=true", headers=person)  # also later
    assert not await opens(api, of_kept)


async def test_keys_that_could_make_shares_still_can(api) -> None:
    person = await api.person()
    await key_with(api, person, "scenes:write")
    await key_with(api, person, "scenes:read")
    await api.sql(
        "UPDATE api_keys SET scopes = array_append(scopes, 'shares:write')"
        " WHERE 'scenes:write' = ANY(scopes) AND NOT 'shares:write' = ANY(scopes)"
    )
    rows = await api.sql("SELECT scopes FROM api_keys ORDER BY created_at")
    assert [row["scopes"] for row in rows] == [["scenes:write", "shares:write"], ["scenes:read"]]
