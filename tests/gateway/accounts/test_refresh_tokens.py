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


async def test_simultaneous_refreshes_get_the_same_successor(api, signed_in) -> None:
    answers = await asyncio.gather(*(renew(api, signed_in["refresh_token"]) for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    assert (await renew(api, successor)).status_code == 200


async def test_a_lost_answer_can_be_asked_for_again_until_its_token_was_used(
    api, signed_in, assert_problem
) -> None:
    lost = (await renew(api, signed_in["refresh_token"])).json()
    again = (await renew(api, signed_in["refresh_token"])).json()
    assert again["refresh_token"] == lost["refresh_token"]
    for each in (lost, again):
        assert (await me(api, each)).status_code == 200
    newest = (await renew(api, again["refresh_token"])).json()
    assert_problem(await renew(api, signed_in["refresh_token"]), 401, "refresh_token_reused")
    assert_problem(await renew(api, newest["refresh_token"]), 401, "refresh_token_invalid")
    assert_problem(await me(api, newest), 401, "token_invalid")


async def test_a_successor_of_an_earlier_release_is_not_taken_for_theft(
    api, signed_in, assert_problem
) -> None:
    await renew(api, signed_in["refresh_token"])
    await api.sql("UPDATE refresh_tokens SET token_hash = id::text WHERE used_at IS NULL")
    assert_problem(await renew(api, signed_in["refresh_token"]), 401, "refresh_token_invalid")
    assert len(await api.sql("SELECT FROM refresh_tokens")) == 3  # with the sign-in of the fixture's person


async def test_signing_out_ends_this_sign_in_and_no_other(api, signed_in, assert_problem) -> None:
    other = (await login(api)).json()
    out = await api.client.post("/api/v1/users/logout", json={"refresh_token": signed_in["refresh_token"]})
    assert out.status_code == 204
    assert_problem(await me(api, signed_in), 401, "token_invalid")
    assert (await me(api, other)).status_code == 200
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
    other = (await login(api)).json()
    changed = await change(password=new, current_password=PASSWORD)
    assert changed.status_code == 200
    mine = changed.json()["sign_in"]
    assert len(await api.sql("SELECT FROM refresh_tokens")) == 1
    for ended in (signed_in, other):
        assert_problem(await me(api, ended), 401, "token_invalid")
        assert_problem(await renew(api, ended["refresh_token"]), 401, "refresh_token_invalid")
    assert (await me(api, mine)).status_code == 200
    assert (await renew(api, mine["refresh_token"])).status_code == 200
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
    api.services.passwords._sign_in.waiting = 10_000
    answer = await login(api)
    assert_problem(answer, 503, "busy")
    assert answer.headers["retry-after"] == "3"
