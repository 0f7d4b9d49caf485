"""Erasing an account: personal data are gone with the response, scenes later, also after crashes."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from httpx import AsyncClient

from bus.bridges import outbox
from tests.gateway.conftest import PASSWORD
from tests.gateway.pictures import encoded

EMAIL = "ada.lovelace@example.com"


async def erase(api, person, password=PASSWORD):
    return await api.client.request("DELETE", "/api/v1/users/me", headers=person, json={"password": password})


async def published_types(api) -> list[str]:
    rows = await api.sql("SELECT records FROM outbox ORDER BY id")
    return [dict(r.headers)["ce_type"].decode() for row in rows for r in outbox.load(row[0])]


async def everything(api) -> str:
    """Return the contents of the whole database as text."""
    tables = [row[0] for row in await api.sql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
    rows = [row[0] for table in tables for row in await api.sql(f"SELECT to_jsonb(t)::text FROM {table} t")]
    return "\n".join(rows)


async def test_erasing_removes_all_personal_data(api, assert_problem) -> None:
    person = await api.person(EMAIL)
    _, key = await api.key(person)
    account = await api.account_id(person)
    done, running = [
        (await api.generate(key, encoded("JPEG"), metadata='{"house": "of Ada"}')).json()["generation_id"]
        for _ in range(2)
    ]
    await api.sql("UPDATE scene_generations SET status = 'completed' WHERE id = $1", done)
    await api.client.post(
        "/api/v1/webhooks", headers=person, json={"url": "http://127.0.0.1:9/adas-hook", "events": ["*"]}
    )
    await api.client.post("/api/v1/uploads", headers=key, json={"bytes": 9, "media_type": "image/png"})
    await api.sql("DELETE FROM outbox")
    before = await everything(api)
    assert EMAIL in before
    assert "of Ada" in before
    assert "adas-hook" in before

    assert_problem(await erase(api, person, "a wrong password"), 401, "credentials_invalid")
    assert (await erase(api, person)).status_code == 202
    after = (await everything(api)).lower()
    for word in (EMAIL, "lovelace", "adas-hook", "of ada"):
        assert word not in after, word
    for headers, code in ((person, "account_inactive"), (key, "api_key_revoked")):
        assert_problem(await api.client.get("/api/v1/scenes", headers=headers), 401, code)
    login = await api.client.post("/api/v1/users/login", json={"email": EMAIL, "password": PASSWORD})
    assert_problem(login, 401, "credentials_invalid")

    # The job runs here, and again after the running scene has ended; repeating it changes nothing.
    for _ in range(2):
        await api.services.erasing.work()
    assert sorted(await published_types(api)) == ["generation.cancel.v1", "generation.deleted.v1"]
    assert (await api.sql("SELECT emptied_at FROM users WHERE id = $1", account))[0][0] is None
    await api.sql("UPDATE scene_generations SET status = 'cancelled' WHERE id = $1", running)
    await api.services.erasing.work()
    assert (await published_types(api)).count("generation.deleted.v1") == 2
    assert (await api.sql("SELECT emptied_at FROM users WHERE id = $1", account))[0][0] is not None
    keys = {row["key"] for row in await api.sql("SELECT key FROM blob_removals")}
    assert {f"originals/{done}/", f"originals/{running}/"} <= keys
    assert any(each.startswith("uploads/") for each in keys)
    while await api.services.removals.work():
        pass
    assert await api.services.blobs.keys(f"originals/{done}/") == []

    again = await api.person(EMAIL)  # the address can be used again
    assert (await api.client.get("/api/v1/scenes", headers=again)).json()["items"] == []


async def test_an_interrupted_erasure_is_resumed(api, monkeypatch) -> None:
    person = await api.person(EMAIL)
    for _ in range(3):
        await api.generate(person, encoded("JPEG"))
    await api.sql("UPDATE scene_generations SET status = 'failed'")
    await erase(api, person)
    monkeypatch.setattr("gateway.accounts.erasure.BATCH", 1)
    assert await api.services.erasing._some()
    assert len(await api.sql("SELECT FROM scene_generations WHERE deleted_at IS NOT NULL")) == 1
    await api.services.erasing.work()  # another process
    assert len(await api.sql("SELECT FROM scene_generations WHERE deleted_at IS NOT NULL")) == 3
    assert (await api.sql("SELECT emptied_at IS NOT NULL FROM users"))[0][0]


async def test_an_account_with_a_running_scene_blocks_no_other(api) -> None:
    """The first waits for an absent worker; the others have an ended scene, a running one, and none."""
    blocked, ended, running, empty = [await api.person() for _ in range(4)]
    for person in (blocked, ended, running):
        await api.generate(person, encoded("JPEG"))
    accounts = [await api.account_id(person) for person in (blocked, ended, running, empty)]
    await api.sql("UPDATE scene_generations SET status = 'completed' WHERE user_id = $1", accounts[1])
    await erase(api, blocked)
    await api.services.erasing.work()  # its scene gets a cancel request, but does not end
    for person in (ended, running, empty):
        await erase(api, person)
    await api.services.erasing.work()
    emptied = "SELECT id FROM users WHERE emptied_at IS NOT NULL"
    assert {row["id"] for row in await api.sql(emptied)} == {accounts[1], accounts[3]}
    asked = "SELECT user_id FROM scene_generations WHERE cancel_requested_at IS NOT NULL"
    assert {row["user_id"] for row in await api.sql(asked)} == {accounts[0], accounts[2]}
    await api.sql("UPDATE scene_generations SET status = 'cancelled' WHERE status = 'pending'")
    await api.services.erasing.work()
    assert {row["id"] for row in await api.sql(emptied)} == set(accounts)


async def test_what_is_put_to_an_upload_after_the_erasure_is_removed(api) -> None:
    """The URL works until it expires: the object is removed now, and again when no PUT can be in flight."""
    person = await api.person(EMAIL)
    _, key = await api.key(person)
    upload = await api.client.post(
        "/api/v1/uploads", headers=key, json={"bytes": 5, "media_type": "image/png"}
    )
    expires_at = datetime.fromisoformat(upload.json()["expires_at"])
    (stored,) = [row["key"] for row in await api.sql("SELECT key FROM uploads")]
    assert (await erase(api, person)).status_code == 202
    async with AsyncClient() as client:
        put = await client.put(upload.json()["url"], content=b"photo", headers=upload.json()["headers"])
    assert put.status_code == 200
    due = [
        row["due_at"]
        for row in await api.sql("SELECT due_at FROM blob_removals WHERE key = $1 ORDER BY due_at", stored)
    ]
    assert due[-1] >= expires_at + timedelta(hours=1)
    await api.sql("UPDATE blob_removals SET due_at = now()")
    await api.services.removals.work()
    assert await api.services.blobs.keys(stored) == []


async def test_the_data_export_holds_the_accounts_own_data(api) -> None:
    person = await api.person(EMAIL)
    _, key = await api.key(person)
    await api.key(await api.person())
    generation_id = (await api.generate(key, encoded("JPEG"), metadata='{"room": 1}')).json()["generation_id"]
    answer = await api.client.get("/api/v1/users/me/data", headers=person)
    assert answer.status_code == 200
    data = answer.json()
    assert data["profile"]["email"] == EMAIL
    assert [scene["id"] for scene in data["scenes"]] == [generation_id]
    assert data["scenes"][0]["metadata"]["client"] == {"room": 1}
    assert len(data["api_keys"]) == 1
    assert "hash" not in json.dumps(data)


async def test_api_keys_have_scopes_a_prefix_and_a_time_of_last_use(api, assert_problem) -> None:
    person = await api.person()
    made = await api.client.post(
        "/api/v1/api-keys", headers=person, json={"name": "reader", "scopes": ["scenes:read"]}
    )
    assert made.json()["scopes"] == ["scenes:read"]
    key = {"X-API-Key": made.json()["key"]}
    assert (await api.client.get("/api/v1/scenes", headers=key)).status_code == 200
    assert_problem(await api.generate(key, encoded("JPEG")), 403, "scope_missing")
    assert_problem(await api.client.get("/api/v1/usage", headers=key), 403, "scope_missing")
    (shown,) = (await api.client.get("/api/v1/api-keys", headers=person)).json()
    assert (shown["last_used_at"], shown["prefix"]) == (None, made.json()["key"][:11])
    await api.services.keys.sweep()
    (shown,) = (await api.client.get("/api/v1/api-keys", headers=person)).json()
    assert shown["last_used_at"] is not None
    bad = await api.client.post(
        "/api/v1/api-keys", headers=person, json={"name": "x", "scopes": ["everything"]}
    )
    assert bad.status_code in (400, 422)
