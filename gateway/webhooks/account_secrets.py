"""An account's secret, created on first use. It signs deliveries to the ``webhook_url`` of a request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg

from gateway.webhooks import secrets
from gateway.webhooks.secrets import Sealer

OVERLAP_S: Final = 24 * 3600
"""How long a replaced secret stays valid; meanwhile both sign."""
# DO UPDATE, so that two concurrent first uses return the same secret.
_GET: Final = """
INSERT INTO webhook_account_secrets AS a (account_id, secret, updated_at, sealing_key)
VALUES ($1, $2, now(), $3)
ON CONFLICT (account_id) DO UPDATE SET secret = a.secret
RETURNING secret, CASE WHEN previous_until > now() THEN previous_until END AS previous_until"""
_ROTATE: Final = f"""
UPDATE webhook_account_secrets SET previous_secret = secret, secret = $2,
    previous_until = now() + interval '{OVERLAP_S} seconds', updated_at = now(),
    sealing_key = CASE WHEN sealing_key = $3 THEN sealing_key END
WHERE account_id = $1 RETURNING secret, previous_until"""  # noqa: S608  (constants)


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A secret in plain text; the previous one is valid until ``previous_until``."""

    secret: str
    previous_until: datetime | None


class AccountKeys:
    """Reads and writes ``webhook_account_secrets``."""

    def __init__(self, pool: asyncpg.Pool, sealer: Sealer) -> None:
        self._pool, self._sealer = pool, sealer

    async def get(self, account_id: UUID) -> Key:
        """Return the account's secret."""
        return await self._run(_GET, account_id)

    async def rotate(self, account_id: UUID) -> Key:
        """Replace the secret."""
        await self._run(_GET, account_id)
        return await self._run(_ROTATE, account_id)

    async def _run(self, statement: str, account_id: UUID) -> Key:
        fresh = self._sealer.seal(secrets.make(), account_id)
        row = await self._pool.fetchrow(statement, account_id, fresh, self._sealer.number)
        return Key(secret=self._sealer.open(row["secret"], account_id), previous_until=row["previous_until"])
