"""Webhooks over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from bus.contract.ids import new_id
from gateway.streaming.cursor import Cursor, partition_of

URL = "https://example.com/hooks"
BASE = "/api/v1/webhooks"


@pytest.fixture
async def person(api):
    return await api.person()


async def make(api, headers, **body):
    answer = await api.client.post(
        BASE, headers=headers, json={"url": URL, "events": ["generation.completed.v1"]} | body
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


async def log_event(api, account, offset, kind="generation.deleted.v1", time=None):
    event_id = uuid4()
    await api.sql(
        'INSERT INTO event_log (epoch, partition, "offset", event_id, type, subject, account_id, source,'
        " time, body) VALUES (1, $1, $2, $3, $4, $5, $6, '/tests', $7, '{}')",
        partition_of(account, 12),
        offset,
        event_id,
        kind,
        new_id(),
        account,
        time or datetime.now(UTC),
    )
    return event_id


async def test_create_read_and_delete(api, person, assert_problem):
    made = await make(api, person, description="shop")
    assert made["secret"].startswith("whsec_")
    shown = (await api.client.get(f"{BASE}/{made['id']}", headers=person)).json()
    assert shown == {key: value for key, value in made.items() if key != "secret"}
    assert (shown["status"], shown["events"], shown["description"]) == (
        "active",
        ["generation.completed.v1"],
        "shop",
    )
    assert (await api.client.get(BASE, headers=person)).json() == [shown]
    stored = await api.sql("SELECT secret FROM webhook_endpoints")
    assert made["secret"].encode() not in stored[0]["secret"]
    answer = await api.client.delete(f"{BASE}/{made['id']}", headers=person)
    assert answer.status_code == 204
    assert_problem(await api.client.get(f"{BASE}/{made['id']}", headers=person), 404, "not_found")


async def test_update_disable_and_enable(api, person):
    made = await make(api, person)
    path = f"{BASE}/{made['id']}"
    changed = (await api.client.patch(path, headers=person, json={"events": ["*"]})).json()
    assert (changed["events"], changed["url"]) == (["*"], URL)
    test = (await api.client.post(f"{path}/test", headers=person)).json()
    off = (await api.client.patch(path, headers=person, json={"status": "disabled"})).json()
    assert (off["status"], off["disabled_reason"], off["disabled_at"] is not None) == (
        "disabled",
        "owner",
        True,
    )
    again = (await api.client.patch(path, headers=person, json={"status": "disabled"})).json()
    assert again["disabled_at"] == off["disabled_at"]
    page = (await api.client.get(f"{path}/deliveries", headers=person)).json()
    assert [(item["id"], item["status"]) for item in page["items"]] == [(test["id"], "cancelled")]
    on = (await api.client.patch(path, headers=person, json={"status": "active"})).json()
    assert (on["status"], on["disabled_reason"], on["disabled_at"]) == ("active", None, None)
    assert (
        await api.sql("SELECT * FROM outbox WHERE encode(records, 'escape') LIKE '%webhook.disabled%'") == []
    )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "ftp://example.com/"}, "url_refused"),
        ({"url": "http://10.0.0.1/"}, "url_refused"),
        ({"url": "http://169.254.169.254/latest"}, "url_refused"),
        ({"url": "http://[::ffff:10.0.0.1]/"}, "url_refused"),
        ({"url": "http://0x0a000001/"}, "url_refused"),
        ({"url": "https://me:secret@example.com/"}, "url_refused"),
        ({"url": "https://example.com:99999/"}, "url_refused"),
        ({"url": "https://example.com/" + "a" * 2048}, "validation_failed"),
        ({"events": []}, "validation_failed"),
        ({"events": ["nonsense.v1"]}, "types_invalid"),
        ({"events": ["generation.progress.v1"]}, "types_invalid"),
        ({"description": "x" * 501}, "validation_failed"),
    ],
)
async def test_invalid_endpoints_are_refused(api, person, assert_problem, body, code):
    given = {"url": URL, "events": ["*"]} | body
    assert_problem(await api.client.post(BASE, headers=person, json=given), 422, code)
    made = await make(api, person)
    assert_problem(await api.client.patch(f"{BASE}/{made['id']}", headers=person, json=body), 422, code)


async def test_loopback_is_accepted_where_the_settings_allow_it(api, person):
    await make(api, person, url="http://127.0.0.1:9/hook")
    await make(api, person, url="http://localhost:9/hook")


async def test_the_number_of_endpoints_is_limited(api, person, assert_problem):
    for _ in range(20):
        await make(api, person)
    answer = await api.client.post(BASE, headers=person, json={"url": URL, "events": ["*"]})
    assert assert_problem(answer, 409, "webhooks_exhausted")["details"] == {"limit": 20}


async def test_another_accounts_webhooks_are_not_found(api, person, assert_problem):
    mine, stranger = await make(api, person), await api.person()
    path = f"{BASE}/{mine['id']}"
    delivery = (await api.client.post(f"{path}/test", headers=person)).json()["id"]
    assert (await api.client.get(BASE, headers=stranger)).json() == []
    for method, where in (
        ("GET", path),
        ("PATCH", path),
        ("DELETE", path),
        ("GET", f"{path}/deliveries"),
        ("POST", f"{path}/test"),
        ("POST", f"{path}/rotate-secret"),
        ("POST", f"{path}/replay?since=2026-01-01T00:00:00Z"),
        ("POST", f"{BASE}/deliveries/{delivery}/redeliver"),
    ):
        body = {"description": "mine now"} if method == "PATCH" else None
        assert_problem(await api.client.request(method, where, headers=stranger, json=body), 404, "not_found")
    assert (await api.client.get(path, headers=person)).json()["description"] == ""


async def test_endpoint_and_account_secrets_can_be_rotated(api, person):
    made = await make(api, person)
    rotated = (await api.client.post(f"{BASE}/{made['id']}/rotate-secret", headers=person)).json()
    assert rotated["secret"] != made["secret"]
    until = datetime.fromisoformat(rotated["previous_valid_until"])
    assert timedelta(hours=23, minutes=59) < until - datetime.now(UTC) <= timedelta(hours=24)
    shown = (await api.client.get(f"{BASE}/{made['id']}", headers=person)).json()
    assert datetime.fromisoformat(shown["previous_secret_valid_until"]) == until
    own = (await api.client.get(f"{BASE}/account-secret", headers=person)).json()
    assert (await api.client.get(f"{BASE}/account-secret", headers=person)).json() == own
    new = (await api.client.post(f"{BASE}/account-secret/rotate", headers=person)).json()
    assert new["secret"] != own["secret"]
    assert own["previous_valid_until"] is None
    assert new["previous_valid_until"] is not None


async def test_deliveries_are_paged_and_can_be_redelivered(api, person, assert_problem):
    made = await make(api, person)
    path = f"{BASE}/{made['id']}"
    ids = [(await api.client.post(f"{path}/test", headers=person)).json()["id"] for _ in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(f"{path}/deliveries", headers=person, params=query)).json()
        seen += [item["id"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == ids[::-1]
    again = await api.client.post(f"{BASE}/deliveries/{ids[0]}/redeliver", headers=person)
    assert again.status_code == 202
    first = (await api.client.get(f"{path}/deliveries", headers=person)).json()["items"]
    old, new = next(i for i in first if i["id"] == ids[0]), again.json()
    assert (new["event_id"], new["origin"], new["status"]) == (old["event_id"], "redelivery", "pending")
    assert new["id"] != old["id"]
    await api.client.patch(path, headers=person, json={"status": "disabled"})
    answer = await api.client.post(f"{BASE}/deliveries/{ids[0]}/redeliver", headers=person)
    assert_problem(answer, 409, "webhook_disabled")
    assert_problem(await api.client.post(f"{path}/test", headers=person), 409, "webhook_disabled")
    listed = (await api.client.get(f"{path}/deliveries?status=cancelled", headers=person)).json()["items"]
    assert len(listed) == 6
    answer = await api.client.get(f"{path}/deliveries?status=lost", headers=person)
    assert_problem(answer, 422, "validation_failed")


async def test_replay_since_a_time_and_after_a_cursor(api, person, assert_problem):
    account = await api.account_id(person)
    made = await make(api, person, events=["generation.deleted.v1"])
    path = f"{BASE}/{made['id']}/replay"
    old = datetime.now(UTC) - timedelta(days=2)
    first = await log_event(api, account, 1, time=old)
    second = await log_event(api, account, 2)
    await log_event(api, account, 3, kind="export.failed.v1")
    third = await log_event(api, account, 4)

    async def sent() -> list[UUID]:
        rows = await api.sql("DELETE FROM webhook_deliveries RETURNING event_id, origin")
        assert {row["origin"] for row in rows} <= {"replay"}
        return sorted(row["event_id"] for row in rows)

    since = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    answer = await api.client.post(path, headers=person, params={"since": since})
    assert (answer.status_code, answer.json()) == (202, {"queued": 2, "next_after": None})
    assert await sent() == sorted([second, third])
    answer = await api.client.post(path, headers=person, params={"after": "0"})
    assert answer.json()["queued"] == 3
    assert await sent() == sorted([first, second, third])
    for query in ({}, {"since": since, "after": "0"}):
        assert_problem(await api.client.post(path, headers=person, params=query), 422, "range_invalid")
    answer = await api.client.post(path, headers=person, params={"after": "nonsense"})
    assert_problem(answer, 400, "cursor_invalid")


async def test_a_long_replay_continues_from_its_cursor(api, person, monkeypatch):
    monkeypatch.setattr("gateway.webhooks.redelivery.PAGE", 2)
    account = await api.account_id(person)
    made = await make(api, person, events=["*"])
    for offset in range(5):
        await log_event(api, account, offset)
    await api.sql(
        "INSERT INTO projector_offsets (projector, epoch, topic, partition, next_offset)"
        " VALUES ('ledger', 1, 'sharp.events.v1', $1, 5)",
        partition_of(account, 12),
    )
    after, queued = "0", []
    while after:
        answer = await api.client.post(f"{BASE}/{made['id']}/replay", headers=person, params={"after": after})
        assert answer.status_code == 202, answer.text
        queued.append(answer.json()["queued"])
        after = answer.json()["next_after"]
    assert queued == [2, 2, 1]
    assert str(Cursor(1, partition_of(account, 12), 1)) != after
    assert await api.sql("SELECT count(DISTINCT event_id) AS n FROM webhook_deliveries") == [(5,)]
