"""Usage over HTTP: the caller's own, by key and in rows; any account's and the invariants for admins."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from gateway.operations.invariants_cache import InvariantsCache
from ledger import invariants
from tests.gateway.conftest import PASSWORD

USAGE, EVENTS, ADMIN, INVARIANTS = (
    f"/api/v1/{path}" for path in ("usage", "usage/events", "admin/usage", "health/invariants")
)
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


async def used(api, account: UUID, *, key: UUID | None = None, at: datetime = TODAY) -> UUID:
    """Insert a usage row as the ledger writes it; return its id."""
    row = uuid4()
    await api.sql(
        "INSERT INTO usage_logs (id, event_id, user_id, api_key_id, event_type, details, created_at)"
        " VALUES ($1, $2, $3, $4, 'scene_generate', '{\"generation_id\": \"g\"}', $5)",
        row,
        uuid4(),
        account,
        key,
        at,
    )
    return row


@pytest.fixture
async def admin(api) -> dict[str, str]:
    person = await api.person("boss@example.com")
    await api.sql("UPDATE users SET role = 'admin' WHERE id = $1", await api.account_id(person))
    body = {"email": "boss@example.com", "password": PASSWORD}
    token = (await api.client.post("/api/v1/users/login", json=body)).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


async def test_totals_by_day_kind_and_key(api):
    person, other = await api.person(), await api.person()
    account, theirs = await api.account_id(person), await api.account_id(other)
    key = uuid4()
    await used(api, account)
    await used(api, account, key=key)
    await used(api, account, key=key, at=TODAY - timedelta(days=1))
    await used(api, theirs)
    until = {"to": (TODAY + timedelta(hours=1)).isoformat()}
    plain = (await api.client.get(USAGE, params=until, headers=person)).json()
    assert [(t["day"], t["count"], t["api_key_id"]) for t in plain["totals"]] == [
        ((TODAY - timedelta(days=1)).date().isoformat(), 1, None),
        (TODAY.date().isoformat(), 2, None),
    ]
    grouped = (await api.client.get(USAGE, params=until | {"group_by": "key"}, headers=person)).json()
    assert {(t["api_key_id"], t["count"]) for t in grouped["totals"]} == {(str(key), 1), (None, 1)}
    assert sum(t["count"] for t in grouped["totals"]) == 3
    one = (await api.client.get(USAGE, params=until | {"api_key_id": str(key)}, headers=person)).json()
    assert [t["count"] for t in one["totals"]] == [1, 1]
    assert (await api.client.get(USAGE, params=until | {"api_key_id": str(key)}, headers=other)).json()[
        "totals"
    ] == []


async def test_an_api_key_may_read_if_it_has_the_scope(api, key):
    assert (await api.client.get(USAGE, headers=key)).status_code == 200
    assert (await api.client.get(EVENTS, headers=key)).status_code == 200
    assert (await api.client.get(ADMIN, headers=key)).status_code == 403
    assert (await api.client.get(INVARIANTS, headers=key)).status_code == 403


async def test_usage_rows_are_paged(api):
    person = await api.person()
    account = await api.account_id(person)
    made = [await used(api, account, at=TODAY - timedelta(minutes=n)) for n in range(5)]
    await used(api, uuid4())
    seen, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(EVENTS, params=query, headers=person)).json()
        seen += page["items"]
        if (cursor := page["next_cursor"]) is None:
            break
    assert [UUID(item["id"]) for item in seen] == made
    assert seen[0]["details"] == {"generation_id": "g"}
    assert seen[0].keys() == {"id", "event_id", "event_type", "api_key_id", "created_at", "details"}


@pytest.mark.parametrize("path", [USAGE, EVENTS])
@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"from": "2024-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"},
        {"to": "0001-01-01T00:00:00Z"},
        {"from": "0001-01-01T00:00:00+14:00", "to": "2026-01-01T00:00:00Z"},
    ],
)
async def test_an_invalid_range_is_refused(api, assert_problem, path, query):
    answer = await api.client.get(path, params=query, headers=await api.person())
    assert_problem(answer, 422, "range_invalid")


async def test_an_invalid_cursor_is_refused(api, assert_problem):
    answer = await api.client.get(EVENTS, params={"cursor": "x"}, headers=await api.person())
    assert_problem(answer, 400, "cursor_invalid")


async def test_admins_see_one_account_or_all(api, admin, assert_problem):
    person = await api.person()
    account, another = await api.account_id(person), uuid4()
    for whose in (account, account, another):
        await used(api, whose)
    until = {"to": (TODAY + timedelta(hours=1)).isoformat()}

    async def totals(**query: str) -> list[dict]:
        answer = await api.client.get(ADMIN, params=until | query, headers=admin)
        assert answer.status_code == 200, answer.text
        return answer.json()["totals"]

    assert [t["count"] for t in await totals()] == [3]
    assert [t["count"] for t in await totals(account_id=str(account))] == [2]
    assert {(t["account_id"], t["count"]) for t in await totals(group_by="account")} == {
        (str(account), 2),
        (str(another), 1),
    }
    assert_problem(await api.client.get(ADMIN, headers=person), 403, "role_insufficient")


async def test_admins_see_whether_the_invariants_hold(api, admin, assert_problem):
    good = (await api.client.get(INVARIANTS, headers=admin)).json()
    assert good["holds"]
    assert [rule["rule"] for rule in good["rules"]] == list(invariants.RULES)
    row = await used(api, uuid4())
    assert (await api.client.get(INVARIANTS, headers=admin)).json() == good, "a minute has not passed"
    api.services.invariants_cache._until = 0.0
    bad = (await api.client.get(INVARIANTS, headers=admin)).json()
    (broken,) = [rule for rule in bad["rules"] if not rule["holds"]]
    assert not bad["holds"]
    assert (broken["rule"], broken["count"], broken["ids"]) == ("no_usage_without_event", 1, [str(row)])
    assert "rebuild --compare" in broken["remedy"]
    assert_problem(await api.client.get(INVARIANTS, headers=await api.person()), 403, "role_insufficient")


async def test_simultaneous_requests_share_one_check(api, monkeypatch):
    checks = 0
    real = invariants.check

    async def counted(connection):
        nonlocal checks
        checks += 1
        return await real(connection)

    monkeypatch.setattr(invariants, "check", counted)
    invariants_cache = InvariantsCache(api.services.pool)
    found = await asyncio.gather(*(invariants_cache.read() for _ in range(20)))
    assert (checks, len({id(each) for each in found})) == (1, 1)


async def test_a_check_that_times_out_is_not_repeated_at_once(api, admin, assert_problem, monkeypatch):
    checks = 0

    async def slow(connection):
        nonlocal checks
        checks += 1
        await connection.execute("SET LOCAL statement_timeout = 1; SELECT pg_sleep(60)")

    monkeypatch.setattr(invariants, "check", slow)
    for _ in range(2):
        answer = await api.client.get(INVARIANTS, headers=admin)
        assert_problem(answer, 503, "temporarily_unavailable")
    assert checks == 1
