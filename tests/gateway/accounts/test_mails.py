"""Mails reach a real mail server: a forgotten password, an invitation, a new address; and what goes wrong.

| class | members | source |
|---|---|---|
| says who has an account | another answer, other work, another row | a form for forgotten passwords |
| a link works twice, too long or after a change | used, expired, an earlier mail, a password | links |
| a mailbox is filled | one that asks often, many that ask for one address | mail bombs |
| the server refuses | a receiver, a mail, the sign-in, now and for good; no TLS, a strange one | RFC 5321 |
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import replace

import pytest
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from bus.contract.ids import new_id
from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import load
from gateway.accounts.key_hashing import ApiKeys
from gateway.accounts.mailer import Mailer
from gateway.accounts.mails import Mails
from gateway.mail import letters
from gateway.mail.settings import MailSettings
from gateway.mail.smtp import MailNotSentError
from gateway.mail.smtp import MailServer as Server
from tests.certificates import Authority
from tests.gateway.accounts.mail_server import mail_server, texts, token_in
from tests.gateway.applications import application
from tests.gateway.conftest import PASSWORD, Api, started

pytestmark = pytest.mark.stack
ADA, NEW = "ada@example.com", "another horse entirely"
USERS = "/api/v1/users"
OTHER = SecretStr("another pepper of the tests, long enough")
SENDER = "Splats <noreply@splats.example>"


@pytest.fixture
async def server():
    async with mail_server() as running:
        yield running


@pytest.fixture
async def api(settings, server):
    """A gateway that sends mail."""
    mail = MailSettings(host="127.0.0.1", port=server.port, tls="none", sender=SENDER)
    with application(replace(settings, mail=mail)) as app:
        async with (
            started(app),
            AsyncClient(transport=ASGITransport(app), base_url="http://gateway") as client,
        ):
            yield Api(app, client)


async def ask(api, email=ADA):
    return await api.client.post(f"{USERS}/password-reset/mail", json={"email": email})


async def reset(api, token, password=NEW):
    return await api.client.post(f"{USERS}/password-reset", json={"token": token, "password": password})


async def login(api, password=PASSWORD, email=ADA):
    return await api.client.post(f"{USERS}/login", json={"email": email, "password": password})


async def test_a_forgotten_password_is_set_by_a_mailed_link(api, server, assert_problem) -> None:
    person = await api.person(ADA)
    asked = await ask(api, " Ada@Example.com ")
    assert asked.status_code == 202
    mail = await server.mail()
    assert (mail["To"], mail["From"], mail["Auto-Submitted"]) == (ADA, SENDER, "auto-generated")
    plain, html = texts(mail)
    assert "works once, for 1 hour" in plain
    assert "works once, for 1 hour" in html
    token = token_in(mail)
    assert f"{api.services.settings.gateway.public_url}/reset-password#{token}" in plain
    assert token not in str([dict(row) for row in await api.sql("SELECT * FROM mails")])
    assert_problem(await reset(api, token, "short"), 422, "password_unsuitable")  # the link stays
    answer = await reset(api, token)
    assert answer.status_code == 200, answer.text
    assert (await api.client.get(f"{USERS}/me", headers=person)).status_code == 401  # every sign-in ended
    assert (await login(api, NEW)).status_code == 200
    assert_problem(await reset(api, token), 403, "link_invalid")


async def test_the_answer_and_the_work_do_not_say_who_has_an_account(api, server) -> None:
    await api.person(ADA)
    await api.person("closed@example.com")
    await api.sql("UPDATE users SET is_active = false WHERE email = 'closed@example.com'")
    statements: list[list[str]] = []
    answers = []
    pool = api.services.mails._pool
    for email in (ADA, "nobody@example.com", "closed@example.com", "no address at all"):
        seen: list[str] = []

        class Counting:
            def __getattr__(self, name, seen=seen):
                def call(statement, *arguments):
                    seen.append(statement)
                    return getattr(pool, name)(statement, *arguments)

                return call

        api.services.mails._pool = Counting()
        answer = await ask(api, email)
        api.services.mails._pool = pool
        answers.append((answer.status_code, answer.json()))
        statements.append([each for each in seen if "password_reset" in each])
    assert answers == [answers[0]] * 4
    assert statements == [statements[0]] * 4
    assert len(statements[0]) == 1
    await server.mail()
    await _rows(api, "SELECT FROM mails", 1)  # those that nobody gets are dropped, unsent
    assert [mail["To"] for mail in server.taken] == [ADA]


async def test_no_mailbox_is_filled(api, server, assert_problem) -> None:
    await api.person(ADA)
    for email in (ADA, "stranger@example.com"):
        assert [(await ask(api, email)).status_code for _ in range(3)] == [202] * 3
        assert_problem(await ask(api, email), 429, "rate_limited")
    assert [(await ask(api, f"{n}@example.com")).status_code for n in range(3)].count(429) == 1


async def test_an_earlier_mail_and_an_admins_link_stay_good_until_one_is_used(
    api, server, assert_problem
) -> None:
    person = await api.person(ADA)
    account = await api.account_id(person)
    handed, _ = await _handed(api, account)
    await ask(api)
    await ask(api)
    first, second = token_in(await server.mail(1)), token_in(await server.mail(2))
    assert first != second
    assert (await reset(api, first)).status_code == 200
    for other in (second, handed):
        assert_problem(await reset(api, other), 403, "link_invalid")


async def _handed(api, account) -> tuple[str, dict[str, str]]:
    admin = await api.person("root@example.com")
    await api.sql("UPDATE users SET role = 'admin' WHERE email = 'root@example.com'")
    made = await api.client.post(f"/api/v1/admin/users/{account}/password-reset", headers=admin, json={})
    return made.json()["token"], admin


async def test_a_link_works_once_and_for_an_hour(api, server, assert_problem) -> None:
    await api.person(ADA)
    await ask(api)
    token = token_in(await server.mail())
    await api.sql("UPDATE mails SET expires_at = now()")
    assert_problem(await reset(api, token), 403, "link_invalid")
    await api.sql("UPDATE mails SET expires_at = now() + interval '1 hour'")
    answers = await asyncio.gather(*(reset(api, token, f"{NEW} {n}") for n in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 403, 403]
    await api.services.mails.sweep()


async def test_a_changed_password_ends_mailed_links(api, server, assert_problem) -> None:
    person = await api.person(ADA)
    await ask(api)
    token = token_in(await server.mail())
    changed = await api.client.patch(
        f"{USERS}/me", headers=person, json={"password": NEW, "current_password": PASSWORD}
    )
    assert changed.status_code == 200
    assert_problem(await reset(api, token), 403, "link_invalid")


async def test_an_invitation_is_mailed_and_its_address_forgotten(api, server, assert_problem) -> None:
    _, admin = await _handed(api, await api.account_id(await api.person(ADA)))
    body = {"email": "new@example.com", "expires_in_hours": 48}
    made = await api.client.post("/api/v1/admin/invites", headers=admin, json=body)
    assert made.status_code == 201, made.text
    mail = await server.mail()
    assert (mail["To"], token_in(mail)) == ("new@example.com", made.json()["token"])
    assert "works once, for 2 days" in texts(mail)[0]
    assert f"/register#{made.json()['token']}" in texts(mail)[0]
    await _rows(api, "SELECT FROM mails WHERE sent_at IS NOT NULL AND address IS NULL", 1)
    listed = (await api.client.get("/api/v1/admin/invites", headers=admin)).json()["items"]
    assert [(each["id"], each["mail"]) for each in listed] == [(made.json()["id"], "sent")]
    acts = await api.sql("SELECT details::text FROM admin_acts WHERE action = 'create_invite'")
    assert [row["details"] for row in acts] == ['{"mailed": true}']
    bad = await api.client.post("/api/v1/admin/invites", headers=admin, json={"email": "no address"})
    assert_problem(bad, 422, "email_invalid")


async def test_a_revoked_invitation_is_not_sent(api, server) -> None:
    _, admin = await _handed(api, await api.account_id(await api.person(ADA)))
    server.refused["new@example.com"] = "450 4.2.0 try again"
    body = {"email": "new@example.com"}
    made = (await api.client.post("/api/v1/admin/invites", headers=admin, json=body)).json()
    await _tried(api)
    await api.client.delete(f"/api/v1/admin/invites/{made['id']}", headers=admin)
    server.refused.clear()
    await _again(api)
    assert await api.sql("SELECT FROM mails") == []
    assert server.taken == []


async def _tried(api) -> None:
    await _rows(api, "SELECT FROM mails WHERE failure IS NOT NULL", 1)


async def _rows(api, query: str, count: int) -> None:
    async with asyncio.timeout(30):
        while len(await api.sql(query)) != count:  # noqa: ASYNC110  (the gateway works by itself)
            await asyncio.sleep(0.01)


async def _again(api) -> None:
    """Let the mails that wait for their next attempt be due, and send them; the gateway's own polls rest."""
    mailer = api.services.mailer
    server, mailer._server = mailer._server, None
    await api.sql("UPDATE mails SET due_at = now() WHERE due_at IS NOT NULL")
    await mailer.work(server)


@pytest.mark.parametrize(
    ("refused", "answer", "failure", "for_good"),
    [
        ("450 4.2.0 try again", "250 OK", "receiver_refused_450", False),
        ("550 5.1.1 no such mailbox ada@example.com", "250 OK", "receiver_refused_550", True),
        (None, "451 4.3.0 try again", "mail_refused_451", False),
        (None, "554 5.7.1 no", "mail_refused_554", True),
    ],
)
async def test_a_refused_mail_is_tried_again_or_given_up(
    api, server, refused, answer, failure, for_good
) -> None:
    await api.person(ADA)
    server.answer = answer
    if refused:
        server.refused[ADA] = refused
    await ask(api)
    await _tried(api)
    ((found, due),) = await api.sql("SELECT failure, due_at FROM mails")
    assert (found, due is None) == (failure, for_good)
    server.answer = "250 OK"
    server.refused.clear()
    await _again(api)
    assert len(server.taken) == (0 if for_good else 1)
    if not for_good:
        assert (await reset(api, token_in(server.taken[0]))).status_code == 200


async def test_attempts_have_an_end(api, server) -> None:
    await api.person(ADA)
    server.answer = "451 4.3.0 try again"
    await ask(api)
    await _tried(api)
    await api.sql("UPDATE mails SET attempts = 9")
    await _again(api)
    assert [tuple(row) for row in await api.sql("SELECT attempts, due_at FROM mails")] == [(10, None)]


async def test_a_new_address_is_confirmed_by_mail_and_the_former_one_is_written_to(
    api, server, assert_problem
) -> None:
    person = await api.person(ADA)
    await api.person("taken@example.com")

    async def change(email, password=PASSWORD):
        body = {"email": email, "current_password": password}
        return await api.client.post(f"{USERS}/me/email", headers=person, json=body)

    assert_problem(await change("new@example.com", "wrong wrong wrong"), 401, "credentials_invalid")
    assert_problem(await change("taken@example.com"), 409, "email_taken")
    assert_problem(await change("no address"), 422, "email_invalid")
    await ask(api)
    to_former = token_in(await server.mail(1))
    answer = await change("New@example.com")
    assert answer.json() == {"email": "new@example.com", "confirm_by_mail": True}
    mail = await server.mail(2)
    assert mail["To"] == "new@example.com"
    assert (await api.client.get(f"{USERS}/me", headers=person)).json()["email"] == ADA
    assert_problem(await reset(api, token_in(mail)), 403, "link_invalid")  # a link is of its kind
    confirm = {"token": token_in(mail)}
    done = await api.client.post(f"{USERS}/email", json=confirm)
    assert done.json() == {"email": "new@example.com"}
    assert_problem(await api.client.post(f"{USERS}/email", json=confirm), 403, "link_invalid")
    assert (await server.mail(3))["To"] == ADA
    assert "#" not in texts(server.taken[2])[0]
    assert (await login(api, email="new@example.com")).status_code == 200
    assert_problem(await login(api), 401, "credentials_invalid")
    assert_problem(await reset(api, to_former), 403, "link_invalid")


async def test_an_erased_account_gets_no_mail(api, server) -> None:
    person = await api.person(ADA)
    server.answer = "451 4.3.0 try again"
    await ask(api)
    await _tried(api)
    erased = await api.client.request("DELETE", f"{USERS}/me", headers=person, json={"password": PASSWORD})
    assert erased.status_code == 202
    assert await api.sql("SELECT FROM mails") == []


async def test_two_gateways_send_a_mail_once(api, server) -> None:
    for number in range(30):
        await api.person(f"{number}@example.com")
    mails: Mails = api.services.mails
    for number in range(30):
        await mails.ask_reset(f"{number}@example.com")
    own = api.services.mailer
    other = Mailer(
        Mails(api.services.pool, api.services.api_keys, enabled=True), api.services.settings.mail, "x"
    )
    for _ in range(3):
        await asyncio.gather(own.work(own._server), other.work(other._server))
    assert sorted(mail["To"] for mail in server.taken) == sorted(f"{n}@example.com" for n in range(30))


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


def context_of(authority: Authority, name: str = "localhost") -> ssl.SSLContext:
    files = authority.sign("mail server", name)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    return context


@pytest.mark.parametrize("kind", ["starttls", "implicit"])
async def test_tls_and_a_password(authority, kind) -> None:
    async with mail_server(context_of(authority), implicit=kind == "implicit", sign_in=True) as server:
        mail = MailSettings(
            host="localhost", port=server.port, tls=kind, sender=SENDER, ca_file=str(authority.ca),
            username="splats", password="right",
        )  # fmt: skip
        wrong = MailSettings(**mail.model_dump() | {"password": "wrong"})
        assert await failure_of(wrong) == "sign_in_refused_535"
        assert await failure_of(mail) is None
        assert server.users[-1] == (b"splats", b"right")
        assert server.encrypted == [True]


async def failure_of(mail: MailSettings) -> str | None:
    """Send one mail; return why it was not taken."""
    letter = letters.written(
        "invitation", mail_id=new_id(), to=ADA, sender=SENDER, public_url="https://splats.example",
        token="t" * 43, seconds=3600,
    )  # fmt: skip
    try:
        await Server(mail, "https://splats.example").send(letter)
    except MailNotSentError as error:
        return error.failure
    return None


async def test_without_tls_that_can_be_trusted_nothing_is_sent(authority) -> None:
    async with mail_server() as plain, mail_server(context_of(authority)) as encrypted:
        wants = {"host": "localhost", "sender": SENDER, "ca_file": str(authority.ca)}
        no_starttls = await failure_of(MailSettings(**wants, port=plain.port, tls="starttls"))
        no_tls = await failure_of(MailSettings(**wants, port=plain.port, tls="implicit"))
        strange = await failure_of(MailSettings(host="localhost", sender=SENDER, port=encrypted.port))
        assert no_starttls is not None
        assert no_tls is not None
        assert "GATEWAY_SMTP_CA_FILE" in (strange or "")
        assert plain.taken == encrypted.taken == []
    gone = await failure_of(MailSettings(host="127.0.0.1", port=plain.port, tls="none", sender=SENDER))
    assert gone == "unreachable"


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"GATEWAY_SMTP_HOST": "mail.example"}, "GATEWAY_SMTP_SENDER"),
        ({"GATEWAY_SMTP_SENDER": "noreply"}, "GATEWAY_SMTP_SENDER"),
        ({"GATEWAY_SMTP_SENDER": "a@example.com\nBcc: b@example.com"}, "GATEWAY_SMTP_SENDER"),
        ({"GATEWAY_SMTP_USERNAME": "splats"}, "GATEWAY_SMTP_PASSWORD"),
        (
            {"GATEWAY_SMTP_HOST": "mail.example", "GATEWAY_SMTP_SENDER": "a@b.example",
             "GATEWAY_SMTP_TLS": "none", "GATEWAY_SMTP_USERNAME": "u", "GATEWAY_SMTP_PASSWORD": "p"},
            "without TLS",
        ),
    ],
)  # fmt: skip
def test_settings_that_cannot_work_stop_the_start(monkeypatch, given, word) -> None:
    for key, value in given.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(ConfigurationError, match=word):
        load(MailSettings)


def test_the_password_may_come_from_a_file_and_ports_follow_tls(monkeypatch, tmp_path) -> None:
    (tmp_path / "password").write_text("right\n")
    for key, value in {
        "GATEWAY_SMTP_HOST": "mail.example", "GATEWAY_SMTP_SENDER": SENDER, "GATEWAY_SMTP_USERNAME": "splats",
        "GATEWAY_SMTP_PASSWORD_FILE": str(tmp_path / "password"), "GATEWAY_SMTP_PORT": "",
    }.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    own = load(MailSettings)
    assert own.password is not None
    assert (own.password.get_secret_value(), own.reached_at) == ("right", 587)
    monkeypatch.setenv("GATEWAY_SMTP_TLS", "implicit")
    assert load(MailSettings).reached_at == 465


async def test_a_mail_survives_a_change_of_the_pepper_and_dies_with_its_own(api, server) -> None:
    await api.person(ADA)
    own, settings = api.services.mailer, api.services.settings
    running, own._server = own._server, None
    await api.services.mails.ask_reset(ADA)
    await api.services.mails.ask_reset(ADA)
    current = settings.gateway.api_key_pepper

    async def sent_with(*peppers: SecretStr) -> None:
        mails = Mails(api.services.pool, ApiKeys(*peppers), enabled=True)
        await api.sql(
            "UPDATE mails SET due_at = now() WHERE id = (SELECT id FROM mails WHERE sent_at IS NULL LIMIT 1)"
        )
        await Mailer(mails, settings.mail, "https://splats.example").work(running)

    await api.sql("UPDATE mails SET due_at = now() + interval '1 hour'")
    await sent_with(OTHER, current)
    assert (await reset(api, token_in(await server.mail()))).status_code == 200
    await api.services.mails.ask_reset(ADA)
    await sent_with(OTHER)
    assert len(server.taken) == 1
    assert await api.sql("SELECT FROM mails") == []
