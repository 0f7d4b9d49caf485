"""Wrong passwords are limited, and the limit is nobody's weapon.

| class | members | source |
|---|---|---|
| another spelling has a bucket of its own | U+0130, Kelvin sign, decomposed, full-width | two case mappings |
| strangers lock an owner out | the owner at home, signed in, right passwords | one bucket an account |
| the caller chooses its address | ports, brackets, long chains, IPv4 in IPv6, a /64 | trust by default |
"""

from __future__ import annotations

import pytest

from gateway.accounts.email_address import normal_email, sign_in_email
from gateway.accounts.sign_in_throttle import OF_ACCOUNT, OF_KNOWN, OF_PERSON, SIGN_INS
from gateway.http.client_address import TrustedProxies, subject_of
from tests.gateway.conftest import PASSWORD

LOGIN = "/api/v1/users/login"


async def login(api, email, password="a wrong password", **headers: str):
    return await api.client.post(LOGIN, json={"email": email, "password": password}, headers=headers)


def trust(api) -> None:
    """Let the test choose its address by the header."""
    api.services.proxies = TrustedProxies("127.0.0.1")


SPELLINGS = [
    "ik@example.com",
    "IK@EXAMPLE.com",
    " ik@example.com ",
    "i\u212a@example.com",
    "ik@\uff45xample.com",
]


def test_every_spelling_of_an_address_has_one_normal_form() -> None:
    assert {sign_in_email(each) for each in SPELLINGS} == {normal_email("ik@example.com")}
    composed, decomposed = "ren\u00e9@example.com", "rene\u0301@example.com"
    assert normal_email(composed) == normal_email(decomposed) == normal_email(decomposed.upper())
    for each in (
        "\u0130K@example.com",
        "J\u030c@example.com",
        "\u1e9e@example.com",
        "\u03a3\u03a3@example.com",
    ):
        assert normal_email(normal_email(each)) == normal_email(each)
    assert sign_in_email("no address\0") == "no address\0"


async def test_another_spelling_shares_the_bucket_or_is_another_address(api, assert_problem) -> None:
    trust(api)
    await api.person("iii@example.com")
    (row,) = await api.sql("SELECT id FROM users")
    await api.services.limits.take(OF_ACCOUNT, str(row["id"]), OF_ACCOUNT.quota)
    away = {"X-Forwarded-For": "203.0.113.9"}
    for spelling in ("iii@example.com", "III@example.com", "iii@EXAMPLE.com"):
        assert_problem(await login(api, spelling, PASSWORD, **away), 429, "login_throttled")
    for spelling in ("\u0130ii@example.com", "i\u0307ii@example.com"):
        assert_problem(await login(api, spelling, PASSWORD, **away), 401, "credentials_invalid")


async def test_strangers_do_not_lock_an_owner_out(api, assert_problem) -> None:
    trust(api)
    home, away = {"X-Forwarded-For": "198.51.100.1"}, {"X-Forwarded-For": "203.0.113.9"}
    await api.person("ada@example.com")
    mine = (await login(api, "ada@example.com", PASSWORD, **home)).json()
    for _ in range(OF_ACCOUNT.quota):
        assert_problem(await login(api, "ada@example.com", **away), 401, "credentials_invalid")
    assert_problem(await login(api, "ada@example.com", PASSWORD, **away), 429, "login_throttled")
    assert (await login(api, "ada@example.com", PASSWORD, **home)).status_code == 200
    changed = await api.client.patch(
        "/api/v1/users/me",
        headers={"Authorization": f"Bearer {mine['access_token']}"} | away,
        json={"password": "a new password", "current_password": PASSWORD},
    )
    assert changed.status_code == 200, changed.text


async def test_only_wrong_passwords_count(api) -> None:
    await api.person("ada@example.com")
    for _ in range(3):
        assert (await login(api, "ada@example.com", PASSWORD)).status_code == 200
    rows = await api.sql("SELECT policy FROM rate_limits WHERE empty > now() + interval '1 second'")
    assert {row["policy"] for row in rows} <= {SIGN_INS.name, "registrations"}


async def test_a_known_address_and_a_signed_in_person_are_limited_too(api, assert_problem) -> None:
    person = await api.person("ada@example.com")
    account = await api.account_id(person)
    await api.services.limits.take(OF_KNOWN, f"{account}|127.0.0.1", OF_KNOWN.quota)
    assert_problem(await login(api, "ada@example.com", PASSWORD), 429, "login_throttled")
    await api.services.limits.take(OF_PERSON, str(account), OF_PERSON.quota)
    erase = await api.client.request(
        "DELETE", "/api/v1/users/me", headers=person, json={"password": PASSWORD}
    )
    assert_problem(erase, 429, "login_throttled")


BEHIND = [
    ("", "9.9.9.9", ["1.2.3.4"], "9.9.9.9"),
    ("127.0.0.1", "9.9.9.9", ["1.2.3.4"], "9.9.9.9"),
    ("9.9.9.9", "9.9.9.9", ["1.2.3.4"], "1.2.3.4"),
    ("9.9.9.9", "9.9.9.9", ["6.6.6.6, 1.2.3.4"], "1.2.3.4"),
    ("9.9.9.9, 10.0.0.0/8", "9.9.9.9", ["6.6.6.6, 1.2.3.4, 10.1.2.3"], "1.2.3.4"),
    ("9.9.9.9, 10.0.0.0/8", "9.9.9.9", ["6.6.6.6, 1.2.3.4", "10.1.2.3"], "1.2.3.4"),
    ("9.9.9.9", "9.9.9.9", ["1.2.3.4:5678"], "1.2.3.4"),
    ("9.9.9.9", "9.9.9.9", ["[2001:db8::1]:5678"], "2001:db8::1"),
    ("9.9.9.9", "9.9.9.9", ["2001:db8::1"], "2001:db8::1"),
    ("9.9.9.9", "9.9.9.9", ["unknown"], "9.9.9.9"),
    ("9.9.9.9", "9.9.9.9", ["1.2.3.4, nonsense\xff"], "9.9.9.9"),
    ("9.9.9.9", "::ffff:9.9.9.9", ["1.2.3.4"], "1.2.3.4"),
    ("9.9.9.9", "9.9.9.9", [""], "9.9.9.9"),
    ("9.9.9.9", "9.9.9.9", [], "9.9.9.9"),
    ("0.0.0.0/0", "9.9.9.9", [", ".join(["1.2.3.4"] * 100)], "1.2.3.4"),
    ("", None, ["1.2.3.4"], "unknown"),
]


@pytest.mark.parametrize(("trusted", "peer", "forwarded", "client"), BEHIND)
def test_the_address_behind_proxies(trusted, peer, forwarded, client) -> None:
    headers = [each.encode("latin-1") for each in forwarded]
    assert TrustedProxies(trusted).client_of(peer, headers) == client


def test_limits_are_kept_by_ipv4_address_and_ipv6_customer() -> None:
    def of(host: str) -> str:
        return subject_of(type("Client", (), {"host": host})())

    assert of("1.2.3.4") == of("::ffff:1.2.3.4") == "1.2.3.4"
    assert of("2001:db8:1:2::1") == of("2001:db8:1:2:ffff::9") != of("2001:db8:1:3::1")
    assert of("fe80::1%eth0") == "fe80::/64"
    assert of("no address") == subject_of(None) == "unknown"


async def test_no_caller_chooses_its_address_unless_its_proxy_is_trusted(api) -> None:
    async def left(**headers: str) -> str:
        answer = await api.client.get("/api/v1/shared/" + "x" * 43, headers=headers)
        return answer.headers["ratelimit"].split(";")[1]

    seen = [await left(**{"X-Forwarded-For": f"203.0.113.{n}"}) for n in range(3)]
    assert seen == ["r=599", "r=598", "r=597"]
    trust(api)
    assert await left(**{"X-Forwarded-For": "203.0.113.7"}) == "r=599"
