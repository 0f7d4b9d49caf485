"""A change of the password ends every sign-in, whatever runs at the same time; people see and end their own.

| class | members | source |
|---|---|---|
| a sign-in outlives the password | a renewal, a sign-in, a second change meanwhile | rows read unlocked |
| an access token outlives its sign-in | a change, a reset, a sign-out, an older release | signed tokens |
| a link works twice | used, replaced, expired, used at the same time | one-time links |
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import jwt
import pytest

from tests.gateway.conftest import PASSWORD

EMAIL, NEW = "ada@example.com", "another horse entirely"
USERS = "/api/v1/users"


@pytest.fixture
async def ada(api):
    await api.person(EMAIL)
    return (await login(api)).json()


async def login(api, password=PASSWORD, **headers: str):
    return await api.client.post(
        f"{USERS}/login", json={"email": EMAIL, "password": password}, headers=headers
    )


async def renew(api, token):
    return await api.client.post(f"{USERS}/refresh", json={"refresh_token": token})


def bearer(tokens) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def works(api, tokens) -> bool:
    return (await api.client.get(f"{USERS}/me", headers=bearer(tokens))).status_code == 200


async def change(api, tokens, old=PASSWORD, new=NEW):
    return await api.client.patch(
        f"{USERS}/me", headers=bearer(tokens), json={"password": new, "current_password": old}
    )


async def test_no_renewal_at_the_same_time_survives_the_change(api, ada) -> None:
    """A thief renews in a loop; six changes, as in the race that was once won."""
    password, mine = PASSWORD, ada
    for number in range(6):
        stolen, stop = (await login(api, password)).json(), asyncio.Event()
        seen = [stolen]

        async def steal(stop=stop, seen=seen) -> None:
            while not stop.is_set():
                answer = await renew(api, seen[-1]["refresh_token"])
                if answer.status_code != 200:
                    return
                seen.append(answer.json())

        thief = asyncio.create_task(steal())
        await asyncio.sleep(0.01 * number)
        changed = await change(api, mine, password, new := f"{NEW} {number}")
        assert changed.status_code == 200, changed.text
        stop.set()
        await thief
        assert not [each for each in seen if await works(api, each)]
        assert (await renew(api, seen[-1]["refresh_token"])).status_code == 401
        password, mine = new, changed.json()["sign_in"]
        await api.sql("DELETE FROM rate_limits")


async def test_of_two_changes_at_once_one_wins_and_its_sign_in_alone_stays(api, ada) -> None:
    thief = (await login(api)).json()
    answers = await asyncio.gather(change(api, ada, new=NEW), change(api, thief, new=NEW + "!"))
    good = [answer.json()["sign_in"] for answer in answers if answer.status_code == 200]
    assert len(good) == 1, [answer.text for answer in answers]
    assert await works(api, good[0])
    assert len(await api.sql("SELECT DISTINCT family FROM refresh_tokens")) == 1


async def test_a_sign_in_whose_password_was_changed_meanwhile_begins_nothing(api, ada) -> None:
    (row,) = await api.sql("SELECT id, password_hash FROM users")
    assert (await change(api, ada)).status_code == 200
    with pytest.raises(Exception, match="password is wrong"):
        await api.services.sessions.begin(row["id"], password_hash=row["password_hash"], client=None)


async def test_an_api_key_is_not_made_by_a_sign_in_that_has_just_ended(api, ada, assert_problem) -> None:
    account = await api.account_id(bearer(ada))
    (session,) = [UUID(each["id"]) for each in await sessions(api, ada) if each["current"]]
    await api.services.sessions.end_one(account, session)
    made = await api.client.post("/api/v1/api-keys", headers=bearer(ada), json={"name": "kept"})
    assert_problem(made, 401, "token_invalid")


async def test_a_token_of_an_earlier_release_is_good_until_the_password_changes(api, ada) -> None:
    tokens = api.services.tokens
    claims = jwt.decode(ada["access_token"], options={"verify_signature": False})
    del claims["sid"]
    secret = tokens._keys[tokens._current]
    before = {"access_token": jwt.encode(claims, secret, "HS256", headers={"kid": tokens._current})}
    assert await works(api, before)
    assert (await change(api, ada)).status_code == 200
    assert not await works(api, before), "of the same second"
    claims["iat"] = int(datetime.now(UTC).timestamp()) + 2
    after = {"access_token": jwt.encode(claims, secret, "HS256", headers={"kid": tokens._current})}
    assert await works(api, after)


async def sessions(api, tokens):
    answer = await api.client.get(f"{USERS}/me/sessions", headers=bearer(tokens))
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_people_see_and_end_their_sign_ins(api, ada, assert_problem) -> None:
    phone = (await login(api, **{"User-Agent": "Phone/1\x1b[2J"})).json()
    renewed = (await renew(api, phone["refresh_token"])).json()
    seen = await sessions(api, ada)
    assert len(seen) == 3, "with the one of the fixture's person"
    assert [each["current"] for each in seen].count(True) == 1
    (other,) = [each for each in seen if (each["client"] or "").startswith("Phone/1")]
    assert "\x1b" not in other["client"]
    gone = await api.client.delete(f"{USERS}/me/sessions/{other['id']}", headers=bearer(ada))
    assert gone.status_code == 204
    assert not await works(api, renewed)
    assert await works(api, ada)
    again = await api.client.delete(f"{USERS}/me/sessions/{other['id']}", headers=bearer(ada))
    assert_problem(again, 404, "not_found")
    assert (await api.client.delete(f"{USERS}/me/sessions", headers=bearer(ada))).status_code == 204
    assert [each["current"] for each in await sessions(api, ada)] == [True]


async def test_the_sign_in_renewed_longest_ago_gives_way(api, ada, monkeypatch) -> None:
    monkeypatch.setattr("gateway.accounts.refresh_tokens.MOST", 3)
    for _ in range(3):
        newest = (await login(api)).json()
    assert len(await sessions(api, newest)) == 3
    assert not await works(api, ada)


@pytest.fixture
async def admin(api):
    person = await api.person("admin@example.com")
    await api.sql("UPDATE users SET role = 'admin' WHERE email = 'admin@example.com'")
    return person


async def link(api, admin, account) -> dict[str, str]:
    answer = await api.client.post(f"/api/v1/admin/users/{account}/password-reset", headers=admin, json={})
    assert answer.status_code == 201, answer.text
    assert answer.json()["url"].endswith("/reset-password#" + answer.json()["token"])
    return answer.json()


async def reset(api, token, password=NEW):
    return await api.client.post(f"{USERS}/password-reset", json={"token": token, "password": password})


async def test_a_forgotten_password_is_set_by_a_link_that_works_once(api, ada, admin, assert_problem) -> None:
    account = await api.account_id(bearer(ada))
    replaced, made = await link(api, admin, account), await link(api, admin, account)
    assert_problem(await reset(api, replaced["token"]), 403, "link_invalid")
    assert_problem(await reset(api, made["token"], "short"), 422, "password_unsuitable")
    assert await works(api, ada), "nothing changes before the link is used"
    answers = await asyncio.gather(*(reset(api, made["token"], f"{NEW} {n}") for n in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 403]
    (mine,) = [answer.json() for answer in answers if answer.status_code == 200]
    assert await works(api, mine)
    assert not await works(api, ada)
    assert_problem(await reset(api, made["token"]), 403, "link_invalid")
    late = await link(api, admin, account)
    await api.sql("UPDATE one_time_links SET expires_at = now()")
    assert_problem(await reset(api, late["token"]), 403, "link_invalid")


async def test_links_are_for_admins_and_open_accounts(api, ada, admin, assert_problem) -> None:
    account = await api.account_id(bearer(ada))
    asked = await api.client.post(
        f"/api/v1/admin/users/{account}/password-reset", headers=bearer(ada), json={}
    )
    assert_problem(asked, 403, "role_insufficient")
    await api.client.request("DELETE", f"{USERS}/me", headers=bearer(ada), json={"password": PASSWORD})
    asked = await api.client.post(f"/api/v1/admin/users/{account}/password-reset", headers=admin, json={})
    assert_problem(asked, 404, "not_found")


async def test_the_operators_reset_ends_every_sign_in(api, ada) -> None:
    await api.services.accounts.reset(EMAIL, password_hash="x", role="admin")
    assert not await works(api, ada)
    assert (await renew(api, ada["refresh_token"])).status_code == 401
