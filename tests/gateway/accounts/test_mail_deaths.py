"""A process that dies while it sends loses no mail; one that dies after the server's answer sends it again.

The second mail is the same one: the same Message-ID, the same link, which works once.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace

import pytest

from gateway.accounts.mailer import Mailer
from gateway.mail.settings import MailSettings
from tests.gateway.accounts.mail_server import mail_server, token_in

pytestmark = [pytest.mark.stack, pytest.mark.kill]
USERS = "/api/v1/users"


@pytest.mark.parametrize(("where", "copies"), [("claimed", 1), ("taken", 2)])
async def test_a_killed_sender_leaves_its_mail_to_the_next(api, fresh_database, where, copies) -> None:
    await api.person("ada@example.com")
    services = api.services
    services.mails.enabled = True  # this gateway has no server: the worker sends
    await api.client.post(f"{USERS}/password-reset/mail", json={"email": "ada@example.com"})
    pepper = services.settings.gateway.api_key_pepper.get_secret_value()
    async with mail_server() as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.gateway.accounts.mail_worker", fresh_database, str(server.port),
            pepper, where, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(60):
                assert await process.stdout.readline() == b"reached\n"
        finally:
            process.kill()
            await process.wait()
        assert len(server.taken) == copies - 1
        mail = MailSettings(host="127.0.0.1", port=server.port, tls="none", sender="noreply@splats.example")
        settings = replace(services.settings, mail=mail)
        mailer = Mailer(services.mails, settings.mail, "https://splats.example")
        assert await mailer.work(mailer._server) == 0  # its claim holds for two minutes
        await api.sql("UPDATE mails SET due_at = now()")
        assert await mailer.work(mailer._server) == 1
        assert await mailer.work(mailer._server) == 0
        assert len(server.taken) == copies
        assert len({each["Message-ID"] for each in server.taken}) == 1
        (token,) = {token_in(each) for each in server.taken}
    body = {"token": token, "password": "another horse entirely"}
    answers = [await api.client.post(f"{USERS}/password-reset", json=body) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 403]


async def test_a_mail_whose_link_was_used_is_not_sent_again(api, fresh_database) -> None:
    await api.person("ada@example.com")
    services = api.services
    services.mails.enabled = True
    await services.mails.ask_reset("ada@example.com")
    (claimed,) = await services.mails.claim(10)
    token = services.mails.token_again(claimed.id, claimed.token_hash)
    body = {"token": token, "password": "another horse entirely"}
    assert (await api.client.post(f"{USERS}/password-reset", json=body)).status_code == 200
    assert await services.mails.claim(10) == []
    assert await api.sql("SELECT FROM mails") == []
