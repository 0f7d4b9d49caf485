"""Seals all webhook secrets with the current key, so that the previous one may go.

It may run beside gateways and senders: a row that one of them changes meanwhile is left to the next run.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from bus.runtime.errors import ConfigurationError
from gateway.webhooks.secrets import Sealer
from ledger.db.admin_acts import Act, record

BATCH: Final = 500
"""Rows a transaction."""
ACTION: Final = "secrets reseal"
_READ: Final = {
    "webhook_endpoints": "SELECT id, secret, previous_secret, sealing_key, previous_until > now() AS needed"
    " FROM webhook_endpoints WHERE id > $1 ORDER BY id LIMIT $2",
    "webhook_account_secrets": "SELECT account_id AS id, secret, previous_secret, sealing_key,"
    " previous_until > now() AS needed FROM webhook_account_secrets"
    " WHERE account_id > $1 ORDER BY account_id LIMIT $2",
}
_WRITE: Final = {
    "webhook_endpoints": """
UPDATE webhook_endpoints SET secret = $2, previous_secret = $3, sealing_key = $4
WHERE id = $1 AND secret = $5 AND previous_secret IS NOT DISTINCT FROM $6 RETURNING id""",
    "webhook_account_secrets": """
UPDATE webhook_account_secrets SET secret = $2, previous_secret = $3, sealing_key = $4
WHERE account_id = $1 AND secret = $5 AND previous_secret IS NOT DISTINCT FROM $6 RETURNING account_id""",
}


class Resealed(msgspec.Struct, kw_only=True):
    """How many rows were sealed anew, how many changed meanwhile, and whose no key opens."""

    resealed: int = 0
    changed_meanwhile: int = 0
    unreadable: list[UUID] = msgspec.field(default_factory=list)


async def reseal(pool: asyncpg.Pool, sealer: Sealer) -> Resealed:
    """Seal with the current key what it does not open, and number every row."""
    done = Resealed()
    for table in _READ:
        after: UUID | None = UUID(int=0)
        while after is not None:
            after = await _some(pool, sealer, table, after, done)
    return done


async def _some(pool: asyncpg.Pool, sealer: Sealer, table: str, after: UUID, done: Resealed) -> UUID | None:
    """Do one batch; return the last id, None at the end."""
    async with pool.acquire() as connection, connection.transaction():
        rows, count = await connection.fetch(_READ[table], after, BATCH), 0
        for row in rows:
            count += await _one(connection, sealer, table, row, done)
        if count:
            await record(connection, Act(action=ACTION, details={"table": table, "rows": count}))
    done.resealed += count
    return rows[-1]["id"] if len(rows) == BATCH else None


async def _one(
    connection: asyncpg.Connection, sealer: Sealer, table: str, row: asyncpg.Record, done: Resealed
) -> int:
    owner, old = row["id"], (row["secret"], row["previous_secret"])
    # What no longer signs is dropped rather than opened: its key may be gone.
    kept: list[Any] = [row["secret"], row["previous_secret"] if row["needed"] else None]
    if row["sealing_key"] == sealer.number and all(sealer.is_current(each, owner) for each in kept if each):
        return 0
    try:
        new = [each and sealer.seal(sealer.open(each, owner), owner) for each in kept]
    except ConfigurationError:
        done.unreadable.append(owner)
        return 0
    if await connection.fetchval(_WRITE[table], owner, *new, sealer.number, *old) is None:
        done.changed_meanwhile += 1
        return 0
    return 1
