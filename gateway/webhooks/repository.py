"""Webhook endpoints and their deliveries as their owners see them; sending is `gateway.webhooks`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from bus.contract.ids import new_id
from gateway.errors import DomainError
from gateway.webhooks import secrets
from gateway.webhooks.account_secrets import OVERLAP, Key
from gateway.webhooks.disabling import disable
from gateway.webhooks.secrets import Sealer

_COLUMNS: Final = (
    "id, url, events, description, state, disabled_reason, disabled_at, failing_since,"
    " CASE WHEN previous_until > now() THEN previous_until END AS previous_until, created_at, updated_at"
)
# The account's row is locked, so that two at once cannot pass the limit.
_ACCOUNT: Final = "SELECT is_active FROM users WHERE id = $1 FOR NO KEY UPDATE"
_CREATE: Final = f"""
INSERT INTO webhook_endpoints
    (id, account_id, url, events, description, state, secret, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, 'active', $6, now(), now()) RETURNING {_COLUMNS}"""  # noqa: S608  (constants)
_LIST: Final = f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE account_id = $1"  # noqa: S608
_GET: Final = f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE account_id = $1 AND id = $2"  # noqa: S608
_CHANGE: Final = """
UPDATE webhook_endpoints SET url = coalesce($2, url), events = coalesce($3, events),
    description = coalesce($4, description), updated_at = now() WHERE id = $1"""
_ENABLE: Final = """
UPDATE webhook_endpoints SET state = 'active', disabled_at = NULL, disabled_reason = NULL,
    failing_since = NULL, updated_at = now() WHERE id = $1 AND state = 'disabled'"""
_ROTATE: Final = f"""
UPDATE webhook_endpoints SET previous_secret = secret, previous_until = now() + {OVERLAP}, secret = $3,
    updated_at = now()
WHERE account_id = $1 AND id = $2 RETURNING previous_until"""  # noqa: S608
_DELIVERY: Final = """
d.id, d.endpoint_id, coalesce(d.url, e.url) AS url, d.event_id, m.type, m.subject, d.origin, d.state,
d.attempts, d.created_at, d.due_at, d.attempted_at, d.duration_ms, d.response_status, d.response_body, d.error
FROM webhook_deliveries d JOIN webhook_messages m ON m.event_id = d.event_id
LEFT JOIN webhook_endpoints e ON e.id = d.endpoint_id"""
_DELIVERIES: Final = f"""
SELECT {_DELIVERY} WHERE d.endpoint_id = $1 AND ($2::text IS NULL OR d.state = $2)
    AND ($3::timestamptz IS NULL OR (d.created_at, d.id) < ($3, $4::uuid))
ORDER BY d.created_at DESC, d.id DESC LIMIT $5"""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointRow:
    """One endpoint, without its secrets."""

    id: UUID
    url: str
    events: list[str]
    description: str
    state: Any
    disabled_reason: Any
    disabled_at: datetime | None
    failing_since: datetime | None
    previous_until: datetime | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class DeliveryRow:
    """One delivery with what is known of its event."""

    id: UUID
    endpoint_id: UUID | None
    url: str
    event_id: UUID
    type: str
    subject: UUID
    origin: Any
    state: Any
    attempts: int
    created_at: datetime
    due_at: datetime
    attempted_at: datetime | None
    duration_ms: float | None
    response_status: int | None
    response_body: str | None
    error: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What is to change; None stays as it is."""

    url: str | None = None
    events: list[str] | None = None
    description: str | None = None
    state: str | None = None


class Webhooks:
    """``webhook_endpoints`` and ``webhook_deliveries``, every statement within one account."""

    def __init__(self, pool: asyncpg.Pool, sealer: Sealer, *, most: int) -> None:
        self._pool, self._sealer, self._most = pool, sealer, most

    async def create(
        self, account_id: UUID, *, url: str, events: list[str], description: str
    ) -> tuple[EndpointRow, str]:
        """Add an endpoint; return it with its secret.

        Raises `DomainError` webhooks_exhausted or account_inactive.
        """
        endpoint_id, secret = new_id(), secrets.make()
        sealed = self._sealer.seal(secret, endpoint_id)
        async with self._pool.acquire() as connection, connection.transaction():
            if not await connection.fetchval(_ACCOUNT, account_id):
                raise DomainError("account_inactive", "The account is closed.")
            if len(await connection.fetch(_LIST, account_id)) >= self._most:
                raise DomainError(
                    "webhooks_exhausted",
                    f"The account has {self._most} webhooks, which is all it may have; delete one.",
                    limit=self._most,
                )
            row = await connection.fetchrow(
                _CREATE, endpoint_id, account_id, url, events, description, sealed
            )
        return EndpointRow(**row), secret

    async def get(self, account_id: UUID, endpoint_id: UUID) -> EndpointRow:
        """Return one endpoint. Raises `DomainError` not_found, as all here do for others' endpoints."""
        return EndpointRow(**_found(await self._pool.fetchrow(_GET, account_id, endpoint_id)))

    async def change(self, account_id: UUID, endpoint_id: UUID, change: Change) -> EndpointRow:
        """Change what is given; disabling cancels what waits, ``active`` forgets how it failed."""
        async with self._pool.acquire() as connection, connection.transaction():
            _found(await connection.fetchrow(f"{_GET} FOR NO KEY UPDATE", account_id, endpoint_id))
            await connection.execute(_CHANGE, endpoint_id, change.url, change.events, change.description)
            if change.state == "active":
                await connection.execute(_ENABLE, endpoint_id)
            elif change.state == "disabled":
                await disable(connection, endpoint_id, reason="owner")
            return EndpointRow(**await connection.fetchrow(_GET, account_id, endpoint_id))

    async def delete(self, account_id: UUID, endpoint_id: UUID) -> None:
        """Remove an endpoint and its deliveries."""
        statement = "DELETE FROM webhook_endpoints WHERE account_id = $1 AND id = $2 RETURNING id"
        _found(await self._pool.fetchrow(statement, account_id, endpoint_id))

    async def rotate(self, account_id: UUID, endpoint_id: UUID) -> Key:
        """Replace the secret; the old one signs beside it for 24 hours."""
        secret = secrets.make()
        sealed = self._sealer.seal(secret, endpoint_id)
        row = _found(await self._pool.fetchrow(_ROTATE, account_id, endpoint_id, sealed))
        return Key(secret=secret, previous_until=row["previous_until"])

    async def deliveries(
        self,
        account_id: UUID,
        endpoint_id: UUID,
        *,
        state: str | None,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[DeliveryRow]:
        """Return a page of deliveries, newest first."""
        await self.get(account_id, endpoint_id)
        place = before or (None, None)
        rows = await self._pool.fetch(_DELIVERIES, endpoint_id, state, *place, limit)
        return [DeliveryRow(**row) for row in rows]

    async def delivery(self, account_id: UUID, delivery_id: UUID) -> DeliveryRow:
        """Return one delivery."""
        statement = f"SELECT {_DELIVERY} WHERE d.account_id = $1 AND d.id = $2"
        row = await self._pool.fetchrow(statement, account_id, delivery_id)
        if row is None:
            raise DomainError("not_found", "You have no delivery with this id.")
        return DeliveryRow(**row)

    async def list(self, account_id: UUID) -> list[EndpointRow]:
        """Return the account's endpoints, oldest first."""
        rows = await self._pool.fetch(f"{_LIST} ORDER BY webhook_endpoints.created_at, id", account_id)
        return [EndpointRow(**row) for row in rows]


async def erase(connection: asyncpg.Connection, account_id: UUID) -> None:
    """Remove all webhooks of an account, as part of the caller's transaction: they name its servers."""
    for table in ("webhook_deliveries", "webhook_endpoints", "webhook_account_secrets", "webhook_messages"):
        await connection.execute(f"DELETE FROM {table} WHERE account_id = $1", account_id)  # noqa: S608


def _found(row: asyncpg.Record | None) -> asyncpg.Record:
    if row is None:
        raise DomainError("not_found", "You have no webhook with this id.")
    return row
