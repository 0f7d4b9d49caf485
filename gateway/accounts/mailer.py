"""Sends the mails that are due; every gateway runs one, and each mail is claimed by one of them.

A log line of a mail has its id, its kind and why it failed: no address, and nothing that the server said.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from email.message import EmailMessage
from typing import Final

import structlog
from prometheus_client import Counter

from gateway.accounts.mails import MOST_ATTEMPTS, Claimed, Mails
from gateway.mail import letters
from gateway.mail.settings import MailSettings
from gateway.mail.smtp import MailNotSentError, MailServer

_log = structlog.stdlib.get_logger(__name__)

POLL_INTERVAL_S: Final = 5.0
"""Between polls without `Mailer.wake`: for mails of other processes, and for attempts that are due."""
BATCH: Final = 20
_AT_ONCE: Final = 4
SENT: Final = Counter(
    "sharpstream_mails", "Mails by what became of an attempt: sent, failed, given_up, dropped.", ["outcome"]
)


class Mailer:
    """The worker of the ``mails`` table; without a mail server it does nothing."""

    def __init__(self, mails: Mails, settings: MailSettings, public_url: str) -> None:
        self._mails, self._sender, self._public_url = mails, settings.sender, public_url
        self._server = MailServer(settings, public_url) if settings.host else None
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Poll now, because a mail was written; otherwise it waits for up to `POLL_INTERVAL_S`."""
        self._woken.set()

    async def run(self) -> None:
        """Send mails until cancelled."""
        while True:
            self._woken.clear()
            try:
                while self._server is not None and await self.work(self._server) == BATCH:
                    pass
            except Exception as error:  # noqa: BLE001  (the next poll tries again)
                _log.warning("mails_interrupted", error=repr(error))
            with suppress(TimeoutError):
                # Jitter, because all gateways poll one table.
                await asyncio.wait_for(self._woken.wait(), POLL_INTERVAL_S * random.uniform(0.8, 1.2))  # noqa: S311

    async def work(self, server: MailServer) -> int:
        """Send up to `BATCH` mails that are due; return how many were claimed."""
        claimed = await self._mails.claim(BATCH)
        gate = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._one(server, gate, mail) for mail in claimed))
        return len(claimed)

    async def _one(self, server: MailServer, gate: asyncio.Semaphore, mail: Claimed) -> None:
        token = self._mails.token_again(mail.id, mail.token_hash) if mail.token_hash else None
        lost = mail.token_hash is not None and token is None  # its pepper is gone, so its link is, too
        if mail.address is None or not mail.wanted or lost or mail.seconds <= 0:
            SENT.labels("dropped").inc()
            await self._mails.drop(mail)
            return
        async with gate:
            try:
                await server.send(self._letter(mail, mail.address, token))
            except MailNotSentError as error:
                await self._failed(mail, error)
                return
        await self._mails.sent(mail)
        SENT.labels("sent").inc()
        _log.info("mail_sent", mail_id=str(mail.id), kind=mail.kind, attempts=mail.attempts)

    def _letter(self, mail: Claimed, address: str, token: str | None) -> EmailMessage:
        try:
            return letters.written(
                mail.kind,
                mail_id=mail.id,
                to=address,
                sender=self._sender,
                public_url=self._public_url,
                token=token,
                seconds=mail.seconds,
            )
        except (ValueError, IndexError):  # an address that no header can hold, written by an earlier release
            raise MailNotSentError("unwritable", for_good=True) from None

    async def _failed(self, mail: Claimed, error: MailNotSentError) -> None:
        over = error.for_good or mail.attempts >= MOST_ATTEMPTS
        SENT.labels("given_up" if over else "failed").inc()
        _log.warning(
            "mail_not_sent",
            mail_id=str(mail.id),
            kind=mail.kind,
            attempts=mail.attempts,
            failure=error.failure,
            given_up=over,
        )
        await self._mails.failed(mail, error.failure, for_good=error.for_good)
