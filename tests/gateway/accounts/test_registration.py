"""Who may make an account: anyone, with an invitation that works once, or no one."""

from __future__ import annotations

import asyncio

import pytest

from gateway.accounts.registration import Registration
from tests.gateway.conftest import PASSWORD

REGISTER = "/api/v1/users/register"


def allow(api, mode: str) -> None:
    own = api.services
    own.registration = Registration(own.pool, own.accounts, own.one_time_links, mode)


async def register(api, email: str, **more: str):
    return await api.client.post(REGISTER, json={"email": email, "password": PASSWORD} | more)


@pytest.fixture
async def admin(api):
    person = await api.person("admin@example.com")
    await api.sql("UPDATE users SET role = 'admin' WHERE email = 'admin@example.com'")
    return person


async def test_where_registration_is_closed_no_account_is_made(api, assert_problem) -> None:
    allow(api, "closed")
    assert_problem(await register(api, "a@example.com"), 403, "registration_closed")


async def test_an_invitation_makes_one_account(api, admin, assert_problem) -> None:
    allow(api, "invite")
    assert_problem(await register(api, "a@example.com"), 403, "invite_invalid")
    assert_problem(await register(api, "a@example.com", invite="x" * 43), 403, "invite_invalid")
    made = (await api.client.post("/api/v1/admin/invites", headers=admin, json={})).json()
    taken = await register(api, "admin@example.com", invite=made["token"])
    assert_problem(taken, 409, "email_taken")  # the invitation stays
    answers = await asyncio.gather(
        *(register(api, f"{n}@example.com", invite=made["token"]) for n in range(3))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 403, 403]
    assert (await api.client.get("/api/v1/admin/invites", headers=admin)).json() == {"items": []}


async def test_invitations_are_listed_without_their_tokens_and_revoked(api, admin, assert_problem) -> None:
    allow(api, "invite")
    made = (
        await api.client.post("/api/v1/admin/invites", headers=admin, json={"expires_in_hours": 1})
    ).json()
    listed = await api.client.get("/api/v1/admin/invites", headers=admin)
    assert [item["id"] for item in listed.json()["items"]] == [made["id"]]
    assert made["token"] not in listed.text
    url = f"/api/v1/admin/invites/{made['id']}"
    assert (await api.client.delete(url, headers=admin)).status_code == 204
    assert_problem(await api.client.delete(url, headers=admin), 404, "not_found")
    assert_problem(await register(api, "a@example.com", invite=made["token"]), 403, "invite_invalid")


async def test_new_accounts_of_one_address_are_limited(api, assert_problem) -> None:
    quota = api.services.settings.gateway.registrations_per_hour
    await api.sql(
        "INSERT INTO rate_limits SELECT 'registrations', encode(sha256('127.0.0.1'), 'hex'),"
        " now() + interval '1 hour'"
    )
    assert quota > 1
    assert_problem(await register(api, "a@example.com"), 429, "rate_limited")


async def test_a_flood_of_new_accounts_does_not_keep_people_from_signing_in(api, assert_problem) -> None:
    await api.person("ada@example.com")
    api.services.passwords._register.waiting = 10_000
    assert_problem(await register(api, "b@example.com"), 503, "busy")
    login = await api.client.post(
        "/api/v1/users/login", json={"email": "ada@example.com", "password": PASSWORD}
    )
    assert login.status_code == 200
