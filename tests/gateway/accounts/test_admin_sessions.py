"""Admins see where an account is signed in, as far as it is known, and end all of it."""

from __future__ import annotations

from tests.gateway.conftest import PASSWORD

ADA = "ada@example.com"


async def test_an_admin_ends_every_sign_in_of_an_account(api, assert_problem) -> None:
    person = await api.person(ADA)
    account = await api.account_id(person)
    _, key = await api.key(person)
    login = {"email": ADA, "password": PASSWORD}
    again = (
        await api.client.post("/api/v1/users/login", json=login, headers={"User-Agent": "Firefox/150"})
    ).json()
    admin = await api.person("root@example.com")
    await api.sql("UPDATE users SET role = 'admin' WHERE email = 'root@example.com'")
    path = f"/api/v1/admin/users/{account}/sessions"
    listed = (await api.client.get(path, headers=admin)).json()["items"]
    assert listed[0]["client"] == "Firefox/150"
    assert [each["current"] for each in listed] == [False, False]
    assert_problem(await api.client.delete(path, headers=person), 403, "role_insufficient")
    assert (await api.client.delete(path, headers=admin)).status_code == 204
    for token in (person["Authorization"], f"Bearer {again['access_token']}"):
        assert (await api.client.get("/api/v1/users/me", headers={"Authorization": token})).status_code == 401
    renewed = await api.client.post("/api/v1/users/refresh", json={"refresh_token": again["refresh_token"]})
    assert_problem(renewed, 401, "refresh_token_invalid")
    assert (await api.client.get("/api/v1/scenes", headers=key)).status_code == 200  # keys stay
    assert (await api.client.get(path, headers=admin)).json() == {"items": []}
    acts = await api.sql("SELECT details::text FROM admin_acts WHERE action = 'end_user_sessions'")
    assert [row["details"] for row in acts] == ['{"sign_ins": 2}']
