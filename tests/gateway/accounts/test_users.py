"""Accounts over HTTP."""

import asyncio
import time
from uuid import uuid4

import bcrypt
import jwt

from gateway.accounts.access_tokens import ALGORITHM, AUDIENCE, ISSUER, Tokens
from gateway.accounts.passwords import Passwords
from tests.gateway.conftest import PASSWORD

REGISTER, LOGIN, ME = "/api/v1/users/register", "/api/v1/users/login", "/api/v1/users/me"


async def test_register_sign_in_and_read_the_profile(api):
    body = {"email": "Ada@Example.com", "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace"}
    made = await api.client.post(REGISTER, json=body)
    assert made.status_code == 201
    assert made.json() == {"id": made.json()["id"], "email": "ada@example.com", "first_name": "Ada"}
    signed = await api.client.post(LOGIN, json={"email": "ADA@example.com", "password": PASSWORD})
    assert signed.status_code == 200
    assert signed.json()["token_type"] == "bearer"
    assert signed.json()["expires_in"] == 900
    me = await api.client.get(ME, headers={"Authorization": f"Bearer {signed.json()['access_token']}"})
    assert me.json() == {
        "id": made.json()["id"],
        "email": "ada@example.com",
        "first_name": "Ada",
        "last_name": "Lovelace",
        "role": "user",
    }


async def test_email_addresses_are_unique_regardless_of_case(api, assert_problem):
    await api.person("ada@example.com")
    body = {"email": "ADA@EXAMPLE.COM", "password": PASSWORD, "first_name": "", "last_name": ""}
    assert_problem(await api.client.post(REGISTER, json=body), 409, "email_taken")


async def test_simultaneous_registrations_make_one_account(api):
    body = {"email": "a@example.com", "password": PASSWORD}
    answers = await asyncio.gather(*(api.client.post(REGISTER, json=body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


BAD_ADDRESSES = ["", "ada", "ada@", "@example.com", "a b@example.com", "ada@example"]


async def test_invalid_email_addresses_are_refused(api, assert_problem, subtests):
    for email in BAD_ADDRESSES:
        with subtests.test(email=email):
            answer = await api.client.post(REGISTER, json={"email": email, "password": PASSWORD})
            body = assert_problem(answer, 422, "email_invalid")
            assert body["details"]["fields"][0]["field"] == "email"


UNSUITABLE_PASSWORDS_GET_THEIR_REASON = [
    ("short", "at least 10"),
    ("é" * 37, "at most 72 bytes; this one has 74"),
    ("ada.lovelace@example.com", "e-mail"),
    ("Ada.Lovelace", "e-mail"),
    ("aaaaaaaaaaaa", "different characters"),
    ("nul\0nul\0nul", "NUL"),
]


async def test_unsuitable_passwords_get_their_reason(api, assert_problem, subtests):
    for password, reason in UNSUITABLE_PASSWORDS_GET_THEIR_REASON:
        with subtests.test(password=password, reason=reason):
            answer = await api.client.post(
                REGISTER, json={"email": "ada.lovelace@example.com", "password": password}
            )
            assert reason in assert_problem(answer, 422, "password_unsuitable")["message"]


async def test_all_72_bytes_of_a_password_count(api):
    long = "x1y2" * 18
    await api.client.post(REGISTER, json={"email": "l@example.com", "password": long})
    assert (
        await api.client.post(LOGIN, json={"email": "l@example.com", "password": long})
    ).status_code == 200
    for other in (long[:-1] + "z", long + "z"):
        answer = await api.client.post(LOGIN, json={"email": "l@example.com", "password": other})
        assert answer.status_code == 401


async def test_wrong_password_and_unknown_person_are_indistinguishable(api, assert_problem):
    await api.person("ada@example.com")
    wrong = await api.client.post(LOGIN, json={"email": "ada@example.com", "password": "not my password"})
    unknown = await api.client.post(LOGIN, json={"email": "eve@example.com", "password": "not my password"})
    first = assert_problem(wrong, 401, "credentials_invalid")
    second = assert_problem(unknown, 401, "credentials_invalid")
    assert first["message"] == second["message"]


async def test_an_unknown_user_costs_one_bcrypt_check_too(monkeypatch):
    passwords, calls = Passwords(4), []
    real = bcrypt.checkpw
    monkeypatch.setattr(bcrypt, "checkpw", lambda *a: calls.append(a) or real(*a))
    assert not await passwords.verify("whatever it is", None)
    assert not await passwords.verify("whatever it is" * 9, None)
    assert len(calls) == 2
    passwords.close()


BODIES_THAT_CANNOT_BE_USED = [
    (b"{", 400, "malformed"),
    (b"", 422, "validation_failed"),
    (b"[]", 422, "validation_failed"),
    (b'{"email": 5, "password": "x"}', 422, "validation_failed"),
    (b'{"password": "correct horse"}', 422, "validation_failed"),
    (b'{"email": "a@b.cc", "password": "' + b"x" * 70_000 + b'"}', 413, "request_too_large"),
]


async def test_bodies_that_cannot_be_used(api, assert_problem, subtests):
    for content, status, code in BODIES_THAT_CANNOT_BE_USED:
        with subtests.test(content=content, status=status, code=code):
            answer = await api.client.post(
                LOGIN, content=content, headers={"Content-Type": "application/json"}
            )
            assert_problem(answer, status, code)


async def test_a_field_that_is_wrong_is_named(api, assert_problem):
    answer = await api.client.post(LOGIN, json={"email": "a@example.com", "password": 7})
    body = assert_problem(answer, 422, "validation_failed")
    assert "password" in str(body["details"])


async def test_inactive_accounts_are_refused(api, assert_problem):
    person = await api.person("ada@example.com")
    _, key = await api.key(person)
    await api.sql("UPDATE users SET is_active = false")
    login = await api.client.post(LOGIN, json={"email": "ada@example.com", "password": PASSWORD})
    assert_problem(login, 401, "account_inactive")
    assert_problem(await api.client.get(ME, headers=person), 401, "account_inactive")
    assert_problem(await api.client.get("/api/v1/scenes", headers=key), 401, "account_inactive")
    made = await api.client.post("/api/v1/api-keys", json={"name": "x"}, headers=person)
    assert_problem(made, 401, "account_inactive")


def _forged(api, **changes):
    tokens: Tokens = api.services.tokens
    key = tokens._keys[tokens._current]
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "x", "role": "user", "iat": now, "exp": now + 60}
    return jwt.encode(claims | changes, key, algorithm=ALGORITHM, headers={"kid": tokens._current})


async def test_foreign_forged_and_expired_tokens_are_refused(api, assert_problem):
    good = (await api.person())["Authorization"].removeprefix("Bearer ")
    head, body, signature = good.split(".")
    unsigned = jwt.encode({"sub": "x"}, None, algorithm="none")
    for token in (
        "",
        "nonsense",
        f"{head}.{body}.{signature[::-1]}",
        unsigned,
        _forged(api, aud="other"),
        _forged(api, iss="other"),
        _forged(api),  # its subject is not an account id
    ):
        answer = await api.client.get(ME, headers={"Authorization": f"Bearer {token}"})
        assert_problem(answer, 401, "token_invalid")
    expired = _forged(api, exp=int(time.time()) - 60)
    assert_problem(
        await api.client.get(ME, headers={"Authorization": f"Bearer {expired}"}), 401, "token_expired"
    )
    assert_problem(await api.client.get(ME, headers={"Authorization": "Basic YTpi"}), 401, "token_invalid")
    assert_problem(await api.client.get(ME), 401, "unauthenticated")


def test_changing_the_secret_ends_no_session(gateway_settings):
    account = uuid4()
    old = Tokens(gateway_settings)
    token = old.issue(account, "user", uuid4())
    changes = {
        "jwt_secret": type(gateway_settings.jwt_secret)("another secret, as long as the first one was"),
        "jwt_previous_secret": gateway_settings.jwt_secret,
    }
    new = Tokens(gateway_settings.model_copy(update=changes))
    assert new.read(token).account_id == account
    assert jwt.get_unverified_header(new.issue(account, "user", uuid4()))["kid"] != old._current
