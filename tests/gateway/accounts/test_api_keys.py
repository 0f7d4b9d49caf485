"""API keys over HTTP: shown once, kept as a hash, revoked at once."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from bus.bridges.outbox import load
from bus.contract import topics
from bus.contract.envelope import OutRecord, decode
from gateway.accounts.api_key_routes import NEW_KEYS
from gateway.accounts.roles import SCOPES

KEYS, SCENES = "/api/v1/api-keys", "/api/v1/scenes"


async def published(api) -> list[list[OutRecord]]:
    return [load(row["records"]) for row in await api.sql("SELECT records FROM outbox ORDER BY id")]


async def test_a_new_key_is_shown_once_and_listed_by_its_prefix(api):
    person = await api.person()
    later = (datetime.now(UTC) + timedelta(days=30)).replace(microsecond=0)
    made = await api.client.post(KEYS, json={"name": "farm", "expires_at": later.isoformat()}, headers=person)
    assert made.status_code == 201
    body = made.json()
    assert re.fullmatch(r"ss_[a-z0-9]{8}_[A-Za-z0-9_-]{43}", body["key"])
    listed = (await api.client.get(KEYS, headers=person)).json()
    assert listed == [
        {
            "id": body["id"],
            "name": "farm",
            "status": "active",
            "created_at": listed[0]["created_at"],
            "expires_at": later.isoformat().replace("+00:00", "Z"),
            "prefix": body["key"][:11],
            "scopes": sorted(SCOPES),
            "last_used_at": None,
        }
    ]
    stored = (await api.sql("SELECT * FROM api_keys"))[0]
    assert body["key"] not in str(dict(stored))
    assert re.fullmatch("[0-9a-f]{64}", stored["api_key_hash"])


async def test_row_and_event_are_written_together(api):
    person = await api.person()
    key_id, _ = await api.key(person)
    account = await api.account_id(person)
    for _ in range(2):  # the second changes and publishes nothing
        assert (await api.client.delete(f"{KEYS}/{key_id}", headers=person)).status_code == 204
    made, revoked = await published(api)
    for records, kind in ((made, "api_key.created.v1"), (revoked, "api_key.revoked.v1")):
        (record,) = records
        event = decode(topics.EVENTS, record.value, record.headers)
        assert (record.topic, record.key) == (topics.EVENTS.name, str(account).encode())
        assert (event.type, event.subject) == (kind, key_id)
        assert event.message.account_id == account
        assert event.correlation_id


async def test_a_failing_outbox_leaves_no_key(api, assert_problem):
    person = await api.person()
    await api.sql("ALTER TABLE outbox ADD CONSTRAINT refused CHECK (false) NOT VALID")
    answer = await api.client.post(KEYS, json={"name": "x"}, headers=person)
    assert_problem(answer, 500, "internal")
    assert await api.sql("SELECT * FROM api_keys") == []


async def test_a_revoked_key_stops_working_at_once(api, assert_problem):
    person = await api.person()
    key_id, key = await api.key(person)
    assert (await api.client.get(SCENES, headers=key)).status_code == 200
    await api.client.delete(f"{KEYS}/{key_id}", headers=person)
    assert_problem(await api.client.get(SCENES, headers=key), 401, "api_key_revoked")
    assert (await api.client.get(KEYS, headers=person)).json()[0]["status"] == "revoked"


async def test_expiry(api, assert_problem):
    person = await api.person()
    past = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    answer = await api.client.post(KEYS, json={"name": "x", "expires_at": past}, headers=person)
    assert_problem(answer, 422, "expiry_invalid")
    _, key = await api.key(person)
    await api.sql("UPDATE api_keys SET expires_at = now()")
    assert_problem(await api.client.get(SCENES, headers=key), 401, "api_key_expired")


BODIES_THAT_ARE_NOT_VALID = [
    {},
    {"name": ""},
    {"name": " \t"},
    {"name": "x" * 101},
    {"name": "x", "expires_at": "soon"},
    {"name": "x", "scopes": []},
]


async def test_a_name_is_kept_without_the_spaces_around_it(api):
    answer = await api.client.post(KEYS, json={"name": " farm "}, headers=await api.person())
    assert answer.json()["name"] == "farm"


async def test_bodies_that_are_not_valid(api, assert_problem, subtests):
    for body in BODIES_THAT_ARE_NOT_VALID:
        with subtests.test(body=body):
            answer = await api.client.post(KEYS, json=body, headers=await api.person())
            assert_problem(answer, 422, "validation_failed")


async def test_unknown_keys(api, assert_problem):
    _, good = await api.key(await api.person())
    other_end = "A" if good["X-API-Key"][-1] != "A" else "B"
    for key in ("", "nonsense", good["X-API-Key"][:-1] + other_end, good["X-API-Key"] + "x"):
        assert_problem(await api.client.get(SCENES, headers={"X-API-Key": key}), 401, "api_key_invalid")


async def test_a_key_cannot_make_list_or_revoke_keys(api, assert_problem):
    key_id, key = await api.key(await api.person())
    for method, path in (("POST", KEYS), ("GET", KEYS), ("DELETE", f"{KEYS}/{key_id}")):
        answer = await api.client.request(method, path, headers=key, json={"name": "x"})
        assert_problem(answer, 403, "sign_in_required")


async def test_another_accounts_key_is_not_found(api, assert_problem):
    key_id, key = await api.key(await api.person())
    eve = await api.person()
    assert_problem(await api.client.delete(f"{KEYS}/{key_id}", headers=eve), 404, "not_found")
    assert_problem(await api.client.delete(f"{KEYS}/{uuid4()}", headers=eve), 404, "not_found")
    assert (await api.client.get(KEYS, headers=eve)).json() == []
    assert (await api.client.get(SCENES, headers=key)).status_code == 200
    assert UUID(key_id)


async def test_the_number_of_active_keys_is_limited(api, assert_problem, monkeypatch):
    monkeypatch.setattr("gateway.accounts.api_keys.MOST", 2)
    person = await api.person()
    answers = await asyncio.gather(
        *(api.client.post(KEYS, json={"name": "x"}, headers=person) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409]
    (refused, _) = [answer for answer in answers if answer.status_code == 409]
    assert_problem(refused, 409, "api_keys_exhausted")
    made = next(answer.json()["id"] for answer in answers if answer.status_code == 201)
    await api.client.delete(f"{KEYS}/{made}", headers=person)
    assert (await api.client.post(KEYS, json={"name": "x"}, headers=person)).status_code == 201


async def test_keys_are_listed_in_pages(api, assert_problem):
    person = await api.person()
    made = [(await api.key(person))[0] for _ in range(5)]
    seen, url = [], f"{KEYS}?limit=2"
    while url:
        answer = await api.client.get(url, headers=person)
        seen += [item["id"] for item in answer.json()]
        url = answer.links.get("next", {}).get("url")
    assert seen == made[::-1]
    assert "link" not in (await api.client.get(KEYS, headers=person)).headers
    assert_problem(await api.client.get(f"{KEYS}?cursor=x", headers=person), 400, "cursor_invalid")


async def test_making_and_revoking_keys_in_a_loop_is_limited(api, assert_problem):
    person = await api.person()
    account = await api.account_id(person)
    await api.services.limits.take(NEW_KEYS, str(account), NEW_KEYS.quota)
    answer = await api.client.post(KEYS, json={"name": "x"}, headers=person)
    assert_problem(answer, 429, "rate_limited")
