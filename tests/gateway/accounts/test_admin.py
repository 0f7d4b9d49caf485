"""Admins find accounts, suspend them, and change roles and quotas; the last admin cannot be removed."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.gateway.conftest import PASSWORD
from tests.gateway.pictures import encoded

URL = "/api/v1/admin/users"


@pytest.fixture
async def admin(api):
    person = await api.person("admin@example.com")
    await api.sql("UPDATE users SET role = 'admin' WHERE email = 'admin@example.com'")
    return person


async def test_a_changed_role_applies_to_the_next_request(api, admin) -> None:
    assert (await api.client.get(URL, headers=admin)).status_code == 200
    await api.sql("UPDATE users SET role = 'user'")
    assert (await api.client.get(URL, headers=admin)).status_code == 403


async def test_accounts_are_listed_in_pages_and_found(api, admin) -> None:
    for number in range(4):
        await api.person(f"person-{number}@example.com")
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.client.get(URL, headers=admin, params=params)).json()
        seen += [item["email"] for item in page["items"]]
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [f"person-{n}@example.com" for n in (3, 2, 1, 0)] + ["admin@example.com"]
    found = (await api.client.get(URL, headers=admin, params={"q": "SON-2"})).json()["items"]
    assert [item["email"] for item in found] == ["person-2@example.com"]
    assert (await api.client.get(URL, headers=admin, params={"q": "%"})).json()["items"] == []
    assert "password_hash" not in found[0]


async def test_a_suspended_account_is_refused_at_once_everywhere(api, admin, assert_problem) -> None:
    person = await api.person("eve@example.com")
    _, key = await api.key(person)
    tokens = (
        await api.client.post("/api/v1/users/login", json={"email": "eve@example.com", "password": PASSWORD})
    ).json()
    account = await api.account_id(person)
    answer = await api.client.patch(f"{URL}/{account}", headers=admin, json={"is_active": False})
    assert answer.json()["is_active"] is False
    for headers in (person, key):
        assert_problem(await api.client.get("/api/v1/scenes", headers=headers), 401, "account_inactive")
    renewed = await api.client.post("/api/v1/users/refresh", json={"refresh_token": tokens["refresh_token"]})
    assert_problem(renewed, 401, "refresh_token_invalid")
    await api.client.patch(f"{URL}/{account}", headers=admin, json={"is_active": True})
    assert (await api.client.get("/api/v1/scenes", headers=key)).status_code == 200


async def test_quotas_are_enforced_and_reset_to_those_of_the_role(api, admin, assert_problem) -> None:
    person = await api.person()
    _, key = await api.key(person)
    account = await api.account_id(person)
    usual = (await api.client.get(f"{URL}/{account}", headers=admin)).json()["quotas"]
    changed = await api.client.patch(f"{URL}/{account}", headers=admin, json={"quotas": {"max_in_flight": 1}})
    assert changed.json()["quotas"] == usual | {"max_in_flight": 1}
    assert (await api.generate(key, encoded("JPEG"))).status_code == 202
    assert_problem(await api.generate(key, encoded("JPEG")), 429, "quota_in_flight")
    back = await api.client.patch(
        f"{URL}/{account}", headers=admin, json={"quotas": {}, "role": "enterprise"}
    )
    assert back.json()["quotas"] == {name: 10 * value for name, value in usual.items()}
    assert (await api.generate(key, encoded("JPEG"))).status_code == 202
    for wrong in ({"max_in_flight": 0}, [None, None], "many"):
        bad = await api.client.patch(f"{URL}/{account}", headers=admin, json={"quotas": wrong})
        assert_problem(bad, 422, "validation_failed")


async def test_the_last_admin_cannot_be_demoted_suspended_or_erased(api, admin, assert_problem) -> None:
    own = await api.account_id(admin)
    for body in ({"role": "user"}, {"is_active": False}):
        assert_problem(await api.client.patch(f"{URL}/{own}", headers=admin, json=body), 409, "last_admin")
    leaving = await api.client.request(
        "DELETE", "/api/v1/users/me", headers=admin, json={"password": PASSWORD}
    )
    assert_problem(leaving, 409, "last_admin")
    other = await api.account_id(await api.person())
    assert (
        await api.client.patch(f"{URL}/{other}", headers=admin, json={"role": "admin"})
    ).status_code == 200
    assert (await api.client.patch(f"{URL}/{own}", headers=admin, json={"role": "user"})).status_code == 200


async def test_only_signed_in_admins_may_use_the_accounts_api(api, admin, assert_problem) -> None:
    person = await api.person()
    _, key = await api.key(admin)
    assert_problem(await api.client.get(URL, headers=person), 403, "role_insufficient")
    assert_problem(await api.client.get(URL, headers=key), 403, "sign_in_required")
    assert_problem(await api.client.get(f"{URL}/{uuid4()}", headers=admin), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"is_active": 0}, "is_active"),
        ({"is_active": "false"}, "is_active"),
        ({"quotas": {"max_in_flight": "7"}}, "quotas.max_in_flight"),
    ],
)
async def test_a_value_of_another_type_is_refused_and_changes_nothing(
    api, admin, assert_problem, body, field
) -> None:
    account = await api.account_id(await api.person())
    before = (await api.client.get(f"{URL}/{account}", headers=admin)).json()
    answer = await api.client.patch(f"{URL}/{account}", headers=admin, json=body)
    problem = assert_problem(answer, 422, "validation_failed")
    assert problem["details"]["fields"][0]["field"] == field
    assert (await api.client.get(f"{URL}/{account}", headers=admin)).json() == before
