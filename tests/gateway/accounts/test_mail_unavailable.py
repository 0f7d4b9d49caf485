"""Without a mail server the service says so, and everything works by links that an admin hands over."""

from __future__ import annotations

import pytest

from tests.gateway.conftest import PASSWORD

USERS = "/api/v1/users"


async def test_what_needs_mail_is_refused_with_a_sentence(api, assert_problem) -> None:
    options = await api.client.get(f"{USERS}/sign-in-options")
    assert options.json() == {"registration": "open", "mail": False}
    asked = await api.client.post(f"{USERS}/password-reset/mail", json={"email": "ada@example.com"})
    assert_problem(asked, 409, "mail_unavailable")
    admin = await api.person("root@example.com")
    await api.sql("UPDATE users SET role = 'admin'")
    invite = await api.client.post("/api/v1/admin/invites", headers=admin, json={"email": "new@example.com"})
    assert_problem(invite, 409, "mail_unavailable")
    assert await api.sql("SELECT FROM one_time_links") == []


async def test_an_address_is_changed_by_the_password_alone(api, assert_problem) -> None:
    person = await api.person("ada@example.com")
    await api.person("taken@example.com")

    async def change(email: str):
        body = {"email": email, "current_password": PASSWORD}
        return await api.client.post(f"{USERS}/me/email", headers=person, json=body)

    assert_problem(await change("taken@example.com"), 409, "email_taken")
    answer = await change("New@Example.com")
    assert answer.json() == {"email": "new@example.com", "confirm_by_mail": False}
    assert (await api.client.get(f"{USERS}/me", headers=person)).json()["email"] == "new@example.com"
    for email, status in (("new@example.com", 200), ("ada@example.com", 401)):
        body = {"email": email, "password": PASSWORD}
        assert (await api.client.post(f"{USERS}/login", json=body)).status_code == status
    assert await api.sql("SELECT FROM mails") == []


@pytest.mark.parametrize("mode", ["open", "invite", "closed"])
async def test_the_options_say_who_may_make_an_account(api, mode) -> None:
    object.__setattr__(api.services.settings.gateway, "registration", mode)
    try:
        answer = await api.client.get(f"{USERS}/sign-in-options")
    finally:
        object.__setattr__(api.services.settings.gateway, "registration", "open")
    assert answer.json()["registration"] == mode
