"""Refresh tokens: each can be used once, and reusing one ends the whole sign-in."""

from __future__ import annotations

import asyncio

import pytest

from tests.gateway.conftest import PASSWORD

EMAIL = "ada@example.com"


@pytest.fixture
async def signed_in(api):
    await api.person(EMAIL)
    return (await login(api)).json()


async def login(api, password=PASSWORD):
    return await api.client.post("/api/v1/users/login", json={"email": EMAIL, "password": password})


async def renew(api, token):
    return await api.client.post("/api/v1/users/refresh", json={"refresh_token": token})


def bearer(tokens) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def me(api, tokens):
    return await api.client.get("/api/v1/users/me", headers=bearer(tokens))


async def test_each_refresh_returns_a_new_token(api, signed_in) -> None:
    assert signed_in["token_type"] == "bearer"
    tokens = signed_in
    for _ in range(3):
        answer = await renew(api, tokens["refresh_token"])
        assert answer.status_code == 200
        assert answer.json().keys() == signed_in.keys()
        assert answer.json()["refresh_token"] != tokens["refresh_token"]
        tokens = answer.json()
        assert (await me(api, tokens)).status_code == 200
    stored = [row["token_hash"] for row in await api.sql("SELECT token_hash FROM refresh_tokens")]
    assert tokens["refresh_token"] not in stored


async def test_reusing_a_refresh_token_ends_the_sign_in(api, signed_in, assert_problem) -> None:
    newer = (await renew(api, signed_in["refresh_token"])).json()["refresh_token"]
    await api.sql(
        "UPDATE refresh_tokens SET used_at = used_at - interval '1 minute' WHERE used_at IS NOT NULL"
    )
    assert_problem(await renew(api, signed_in["refresh_token"]), 401, "refresh_token_reused")
    assert_problem(await renew(api, newer), 401, "refresh_token_invalid")
    assert (await login(api)).status_code == 200


async def test_simultaneous_refreshes_do_not_end_the_sign_in(api, signed_in) -> None:
    answers = await asyncio.gather(*(renew(api, signed_in["refresh_token"]) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401, 401, 401]
    (good,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert (await renew(api, good["refresh_token"])).status_code == 200


async def test_signing_out_ends_this_sign_in_and_no_other(api, signed_in, assert_problem) -> None:
    other = (await login(api)).json()
    out = await api.client.post("/api/v1/users/logout", json={"refresh_token": signed_in["refresh_token"]})
    assert out.status_code == 204
    assert_problem(await renew(api, signed_in["refresh_token"]), 401, "refresh_token_invalid")
    assert (await renew(api, other["refresh_token"])).status_code == 200
    again = await api.client.post("/api/v1/users/logout", json={"refresh_token": "unknown"})
    assert again.status_code == 204


async def test_refresh_tokens_expire(api, signed_in, assert_problem) -> None:
    await api.sql("UPDATE refresh_tokens SET expires_at = now()")
    assert_problem(await renew(api, signed_in["refresh_token"]), 401, "refresh_token_invalid")
    await api.services.sessions.sweep()
    assert await api.sql("SELECT FROM refresh_tokens") == []


async def test_a_new_password_needs_the_old_one_and_ends_every_sign_in(
    api, signed_in, assert_problem
) -> None:
    async def change(**body):
        return await api.client.patch("/api/v1/users/me", headers=bearer(signed_in), json=body)

    new = "another horse entirely"
    assert_problem(await change(password=new), 401, "credentials_invalid")
    assert_problem(await change(password=new, current_password="wrong one"), 401, "credentials_invalid")
    assert_problem(await change(password="short", current_password=PASSWORD), 422, "password_unsuitable")
    assert (await renew(api, signed_in["refresh_token"])).status_code == 200
    assert (await change(password=new, current_password=PASSWORD)).status_code == 200
    assert await api.sql("SELECT FROM refresh_tokens") == []
    assert_problem(await login(api), 401, "credentials_invalid")
    assert (await login(api, new)).status_code == 200


async def test_names_can_be_changed_but_not_the_role(api, signed_in) -> None:
    answer = await api.client.patch(
        "/api/v1/users/me", headers=bearer(signed_in), json={"first_name": " Augusta "}
    )
    assert (answer.json()["first_name"], answer.json()["last_name"]) == ("Augusta", "Lovelace")
    answer = await api.client.patch("/api/v1/users/me", headers=bearer(signed_in), json={"role": "admin"})
    assert answer.json()["role"] == "user"


async def test_too_many_waiting_sign_ins_are_refused_as_busy(api, signed_in, assert_problem) -> None:
    api.services.passwords._waiting = 10_000
    answer = await login(api)
    assert_problem(answer, 503, "busy")
    assert answer.headers["retry-after"] == "3"
