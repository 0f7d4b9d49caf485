"""A real mail server in the test's own event loop: aiosmtpd, which keeps what it takes."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, TLSSetupException

LINK = re.compile(r"https?://\S+#([A-Za-z0-9_-]{43})")


class MailServer:
    """What it took, and how it answers. ``port``: where it listens."""

    def __init__(self) -> None:
        self.port = 0
        self.taken: list[EmailMessage] = []
        self.refused: dict[str, str] = {}
        """Receiver -> the answer to it."""
        self.answer = "250 OK"
        """To a whole mail."""
        self.users: list[tuple[bytes, bytes]] = []
        """Who signed in, before a mail was taken."""
        self.encrypted: list[bool] = []
        """Of each mail, whether it came over TLS."""
        self.after_taking: Callable[[], Any] = lambda: None

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            mail = message_from_bytes(envelope.content, policy=default)
            assert isinstance(mail, EmailMessage)
            self.encrypted.append(
                session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None
            )
            self.taken.append(mail)
            self.after_taking()
        return self.answer

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        self.users.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)

    async def mail(self, number: int = 1) -> EmailMessage:
        """Wait until so many were taken; return the last."""
        async with asyncio.timeout(30):
            while len(self.taken) < number:  # noqa: ASYNC110  (the server has no event of it)
                await asyncio.sleep(0.01)
        return self.taken[number - 1]


class _Protocol(SMTP):
    """With STARTTLS by the loop's own means: aiosmtpd's way begins a second handler since Python 3.11."""

    async def smtp_STARTTLS(self, arg: str) -> None:
        await self.push("220 Ready to start TLS")
        assert self.tls_context is not None
        assert self.session is not None
        self._original_transport = self.transport
        try:
            over = await self.loop.start_tls(self.transport, self, self.tls_context, server_side=True)
        except OSError as error:
            raise TLSSetupException from error
        if over is None:  # the client went away
            raise TLSSetupException
        self.transport = self._reader._transport = self._writer._transport = self._tls_protocol = over
        self.session.ssl = {"peername": over.get_extra_info("peername")}
        self.session.host_name = None  # what was said before TLS is forgotten (RFC 3207)


@asynccontextmanager
async def mail_server(
    context: ssl.SSLContext | None = None, *, implicit: bool = False, sign_in: bool = False
) -> AsyncIterator[MailServer]:
    """Run a server; with a context it wants STARTTLS, or speaks TLS from the beginning."""
    own = MailServer()
    starts = context if not implicit else None

    made: list[_Protocol] = []

    def protocol() -> SMTP:
        made.append(_of_connection())
        made[-1]._tls_protocol = context if implicit else None  # it knows of STARTTLS alone
        return made[-1]

    def _of_connection() -> _Protocol:
        return _Protocol(
            own,
            hostname="mail.test",
            tls_context=starts,
            require_starttls=starts is not None,
            authenticator=own.authenticate if sign_in else None,
            auth_required=sign_in,
            auth_require_tls=context is not None,
            loop=asyncio.get_running_loop(),
        )

    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", 0, ssl=context if implicit else None
    )
    own.port = server.sockets[0].getsockname()[1]
    try:
        yield own
    finally:
        server.close()
        for each in made:
            if each.transport is not None:
                each.transport.abort()
        await asyncio.sleep(0)  # the loop closes the sockets


def texts(mail: EmailMessage) -> tuple[str, str]:
    """Return the plain and the HTML part."""
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content(), html.get_content()


def token_in(mail: EmailMessage) -> str:
    """Return the token of the link, which both parts have."""
    plain, html = texts(mail)
    (token,) = set(LINK.findall(plain))
    assert token in html
    return token
