"""Sends one mail over SMTP. What a server says is not passed on: it may name the address."""

from __future__ import annotations

import asyncio
import ssl
from email.message import EmailMessage
from typing import Final
from urllib.parse import urlsplit

import aiosmtplib

from bus.runtime import tls
from bus.runtime.errors import SharpstreamError
from gateway.mail.settings import MailSettings

SERVER: Final = tls.Keys(
    server="The mail server",
    address="GATEWAY_SMTP_HOST and GATEWAY_SMTP_PORT",
    switch="GATEWAY_SMTP_TLS",
    ca="GATEWAY_SMTP_CA_FILE",
    cert="GATEWAY_SMTP_HOST",  # no certificate of ours is shown
)
LONGEST_S: Final = 60.0
"""For a whole mail: shorter than the time after which another gateway takes it."""


class MailNotSentError(SharpstreamError):
    """A mail was not taken.

    ``failure`` says why without any address. ``for_good``: the server refuses this mail or its receiver, so
    that another attempt is in vain; everything else may pass, a wrong password of ours too.
    """

    def __init__(self, failure: str, *, for_good: bool = False) -> None:
        super().__init__(f"The mail was not sent: {failure}.", code="mail_not_sent")
        self.failure, self.for_good = failure, for_good


class MailServer:
    """The server of the settings, which must name a host. Raises `ConfigurationError` for a wrong file."""

    def __init__(self, settings: MailSettings, public_url: str) -> None:
        self._settings = settings
        self._name = urlsplit(public_url).hostname or "localhost"
        self._context: ssl.SSLContext | None = None
        if settings.tls != "none":
            self._context = tls.client_context(SERVER, ca_file=settings.ca_file)

    async def send(self, mail: EmailMessage) -> None:
        """Hand the mail to the server. Raises `MailNotSentError`."""
        try:
            async with asyncio.timeout(LONGEST_S):
                await self._send(mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [each.code for each in error.recipients]
            raise MailNotSentError(f"receiver_refused_{codes[0]}", for_good=_final(*codes)) from None
        except aiosmtplib.SMTPDataError as error:
            raise MailNotSentError(f"mail_refused_{error.code}", for_good=_final(error.code)) from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise MailNotSentError(f"sign_in_refused_{error.code}") from None
        except aiosmtplib.SMTPSenderRefused as error:
            raise MailNotSentError(f"sender_refused_{error.code}") from None
        except aiosmtplib.SMTPNotSupported:
            raise MailNotSentError("not_supported", for_good=False) from None
        except TimeoutError:
            raise MailNotSentError("timeout") from None
        except (OSError, aiosmtplib.SMTPException, ValueError) as error:
            raise MailNotSentError(tls.sentence(error, SERVER) or "unreachable") from None

    async def _send(self, mail: EmailMessage) -> None:
        own = self._settings
        await aiosmtplib.send(
            mail,
            hostname=own.host,
            port=own.reached_at,
            username=own.username,
            password=own.password.get_secret_value() if own.password else None,
            use_tls=own.tls == "implicit",
            start_tls=own.tls == "starttls",  # required then: without it nothing is sent
            tls_context=self._context,
            timeout=own.timeout_seconds,
            local_hostname=self._name,
        )


def _final(*codes: int) -> bool:
    return all(500 <= code <= 599 for code in codes)
