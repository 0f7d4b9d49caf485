"""Sends mails in a process of its own, which says when the server took one and then waits to be killed.

``python -m tests.gateway.accounts.mail_worker DATABASE_URL PORT PEPPER WHERE``: it stops before the mail is
sent (``claimed``), or after the server took it and before it is marked (``taken``).
"""

from __future__ import annotations

import asyncio
import sys

import asyncpg
from pydantic import SecretStr

from gateway.accounts.key_hashing import ApiKeys
from gateway.accounts.mailer import Mailer
from gateway.accounts.mails import Claimed, Mails
from gateway.mail.settings import MailSettings


async def main(url: str, port: str, pepper: str, where: str) -> None:
    """Work until the point."""

    class Stopping(Mails):
        async def claim(self, most: int) -> list[Claimed]:
            claimed = await super().claim(most)
            if where == "claimed":
                await _wait()
            return claimed

        async def sent(self, mail: Claimed) -> None:
            await _wait()

    async with asyncpg.create_pool(url, min_size=1, max_size=1) as pool:
        settings = MailSettings(host="127.0.0.1", port=int(port), tls="none", sender="noreply@splats.example")
        mails = Stopping(pool, ApiKeys(SecretStr(pepper)), enabled=True)
        await Mailer(mails, settings, "https://splats.example").run()


async def _wait() -> None:
    sys.stdout.write("reached\n")
    sys.stdout.flush()
    await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
