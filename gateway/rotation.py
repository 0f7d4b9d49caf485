"""``python -m gateway secrets``: what hangs on which secret of the installation, and sealing anew.

A secret is changed in three steps, so that every process knows both before one uses the new
(docs/operations/rotation.md). ``status`` says when the old one may go.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import datetime
from typing import Final

import asyncpg
import msgspec
from pydantic import SecretStr

from bus.runtime import process
from bus.runtime.secret_numbers import number_of
from bus.runtime.settings import DatabaseSettings, RoleSettings, load
from gateway.settings import GatewaySettings, WebhookSettings
from gateway.webhooks.resealing import reseal
from gateway.webhooks.secrets import Sealer
from ledger.db import database
from ledger.db.migrate import check

_PEPPER: Final = """
SELECT 'api_keys' AS of, pepper AS number, count(*) AS rows, max(last_used_at) AS last_used_at
FROM api_keys WHERE status = 'active' AND (expires_at IS NULL OR expires_at > now()) GROUP BY pepper
UNION ALL SELECT 'sign_ins', pepper, count(DISTINCT family), max(created_at) FROM refresh_tokens
WHERE used_at IS NULL AND expires_at > now() GROUP BY pepper
UNION ALL SELECT 'shares', pepper, count(*), NULL FROM shares WHERE expires_at > now() GROUP BY pepper
UNION ALL SELECT 'shares', pepper, count(*), NULL FROM albums WHERE expires_at > now() GROUP BY pepper
UNION ALL SELECT 'links', pepper, count(*), NULL FROM one_time_links WHERE expires_at > now()
GROUP BY pepper
UNION ALL SELECT 'mails', pepper, count(*), NULL FROM mails
WHERE expires_at > now() AND token_hash IS NOT NULL GROUP BY pepper"""
_SEALED: Final = """
SELECT 'webhooks' AS of, sealing_key AS number, count(*) AS rows, NULL::timestamptz AS last_used_at
FROM webhook_endpoints GROUP BY sealing_key
UNION ALL SELECT 'account_secrets', sealing_key, count(*), NULL FROM webhook_account_secrets
GROUP BY sealing_key"""


class Count(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Rows by the secret that they hang on; ``unnumbered`` ones were written by a release without numbers."""

    current: int = 0
    previous: int = 0
    unnumbered: int = 0
    unknown: int = 0
    last_use_of_others: datetime | None = None


class Secret(msgspec.Struct, kw_only=True):
    """A secret, its number and that of the other one, and what hangs on them."""

    number: str
    previous: str | None
    rows: dict[str, Count] = msgspec.field(default_factory=dict)
    seconds: int | None = None
    """Where no row hangs on it: how long what it signed is valid."""

    @property
    def hanging(self) -> int:
        """Return how many rows hang on another secret than the current one."""
        return sum(each.previous + each.unnumbered + each.unknown for each in self.rows.values())


def main(_role: RoleSettings, options: Namespace) -> int:
    """Print a line of JSON. 0: nothing hangs on another secret than the current one; 1: something does."""
    return process.run(_reseal() if options.action == "reseal" else _status())


async def status(
    connection: asyncpg.Connection, own: GatewaySettings, webhooks: WebhookSettings
) -> dict[str, Secret]:
    """Return what hangs on each secret, by the settings that set it."""
    pepper = _secret(own.api_key_pepper, own.api_key_previous_pepper)
    key, jwt = _secret(webhooks.key, webhooks.previous_key), _secret(own.jwt_secret, own.jwt_previous_secret)
    pepper.rows = _counted(
        pepper, await connection.fetch(_PEPPER), "api_keys", "sign_ins", "shares", "links", "mails"
    )
    key.rows = _counted(key, await connection.fetch(_SEALED), "webhooks", "account_secrets")
    jwt.seconds = own.access_token_seconds
    return {"GATEWAY_API_KEY_PEPPER": pepper, "WEBHOOKS_KEY": key, "GATEWAY_JWT_SECRET": jwt}


async def _status() -> int:
    async with database.connect(load(DatabaseSettings)) as connection:
        await check(connection)
        found = await status(connection, load(GatewaySettings), load(WebhookSettings))
    hanging = sum(secret.hanging for secret in found.values())
    _print({"secrets": found, "hanging": hanging})
    return 1 if hanging else process.DONE


async def _reseal() -> int:
    async with database.open_pool(load(DatabaseSettings), role="gateway-secrets") as pool:
        async with pool.acquire() as connection:
            await check(connection)
        done = await reseal(pool, Sealer.of(load(WebhookSettings)))
    _print(done)
    return 1 if done.changed_meanwhile or done.unreadable else process.DONE


def _secret(current: SecretStr, other: SecretStr | None) -> Secret:
    return Secret(number=number_of(current), previous=None if other is None else number_of(other))


def _counted(secret: Secret, rows: list[asyncpg.Record], *names: str) -> dict[str, Count]:
    found = {name: Count() for name in names}
    for row in rows:
        count, number = found[row["of"]], row["number"]
        if number == secret.number:
            count.current += row["rows"]
            continue
        if number is None:
            count.unnumbered += row["rows"]
        elif number == secret.previous:
            count.previous += row["rows"]
        else:
            count.unknown += row["rows"]
        times = [at for at in (count.last_use_of_others, row["last_used_at"]) if at is not None]
        count.last_use_of_others = max(times, default=None)
    return found


def _print(answer: object) -> None:
    sys.stdout.write(f"{msgspec.json.encode(answer).decode()}\n")
