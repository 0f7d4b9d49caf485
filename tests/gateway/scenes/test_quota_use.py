"""What is used of each quota is what the limits count: the page says neither more nor less."""

from __future__ import annotations

import pytest

from tests.gateway.rows import put_scene

pytestmark = pytest.mark.stack
QUOTAS = "/api/v1/usage/quotas"


async def uses(api, headers, path=QUOTAS) -> dict[str, dict]:
    answer = await api.client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return {each["name"]: each for each in answer.json()["items"]}


async def test_each_quota_is_shown_with_its_use(api) -> None:
    person = await api.person()
    account = await api.account_id(person)
    await put_scene(api, account)
    await api.sql(
        "UPDATE scene_generations SET status = 'pending', metadata = '{\"image\": {\"bytes\": 700}}'"
    )
    found = await uses(api, person)
    own = api.services.settings.gateway
    assert (found["generations_in_flight"]["used"], found["generations_in_flight"]["limit"]) == (
        1,
        own.max_in_flight,
    )
    assert (found["exports_in_flight"]["used"], found["exports_in_flight"]["limit"]) == (
        0,
        own.max_exports_in_flight,
    )
    assert found["stored_bytes"]["used"] == 700
    assert found["stored_bytes"]["limit"] == own.stored_gib * 1024**3
    assert found["live_streams"] == {
        "name": "live_streams", "used": 0, "limit": own.max_streams,
        "window_seconds": None, "resets_at": None,
    }  # fmt: skip
    requests = found["requests"]
    assert (requests["limit"], requests["window_seconds"]) == (own.requests_per_minute, 60)
    assert 1 <= requests["used"] <= 4  # this request and those before it
    assert requests["resets_at"] is not None
    assert (found["exports_begun"]["used"], found["exports_begun"]["resets_at"]) == (0, None)


async def test_reading_takes_the_request_itself_alone(api) -> None:
    person = await api.person()
    await api.sql("DELETE FROM rate_limits")
    used = [(await uses(api, person))["requests"]["used"] for _ in range(5)]
    assert used == sorted(used)
    assert used[-1] <= 5


async def test_a_key_needs_the_scope(api, assert_problem) -> None:
    person = await api.person()
    body = {"name": "k", "scopes": ["scenes:read"]}
    made = await api.client.post("/api/v1/api-keys", headers=person, json=body)
    answer = await api.client.get(QUOTAS, headers={"X-API-Key": made.json()["key"]})
    assert_problem(answer, 403, "scope_missing")


async def test_admins_see_and_set_those_of_others(api, assert_problem) -> None:
    person = await api.person()
    account = await api.account_id(person)
    admin = await api.person("root@example.com")
    await api.sql("UPDATE users SET role = 'admin' WHERE email = 'root@example.com'")
    path = f"/api/v1/admin/users/{account}"
    changed = await api.client.patch(path, headers=admin, json={"quotas": {"max_in_flight": 7}})
    assert changed.json()["own_quotas"] == {
        "max_in_flight": 7, "requests_per_minute": None, "max_streams": None,
    }  # fmt: skip
    assert (await api.client.get(path, headers=admin)).json()["own_quotas"]["max_in_flight"] == 7
    found = await uses(api, admin, f"{path}/quotas")
    assert found["generations_in_flight"]["limit"] == 7
    assert_problem(await api.client.get(f"{path}/quotas", headers=person), 403, "role_insufficient")
    gone = "/api/v1/admin/users/01a22408-0000-7000-8000-000000000000/quotas"
    assert_problem(await api.client.get(gone, headers=admin), 404, "not_found")
