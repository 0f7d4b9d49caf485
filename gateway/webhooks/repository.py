"""Webhook endpoints and their deliveries, for their owners. `gateway.webhooks.sender` sends them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from piccolo.columns import Where
from piccolo.query import Select
from piccolo.query.functions import Case, Coalesce, When

from bus.contract.ids import new_id
from gateway.errors import DomainError
from gateway.webhooks import secrets
from gateway.webhooks.account_secrets import OVERLAP_S, Key
from gateway.webhooks.disabling import disable
from gateway.webhooks.secrets import Sealer
from ledger.db.queries import NOW, Changes, columns_of, now_plus, older_than, run, run_one
from ledger.db.tables.accounts import User
from ledger.db.tables.webhooks import WebhookAccountSecret, WebhookDelivery, WebhookEndpoint, WebhookMessage


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointRow:
    """One endpoint, without its secrets; ``previous_until`` is None once it has passed."""

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
class _OwnColumns:
    """The columns of ``webhook_deliveries`` that are shown."""

    id: UUID
    endpoint_id: UUID | None
    event_id: UUID
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
class DeliveryRow(_OwnColumns):
    """One delivery with its receiver's URL and its event's attributes."""

    url: str
    type: str
    subject: UUID


_PREVIOUS: Final = WebhookEndpoint.previous_until
_STORED: Final = columns_of(WebhookEndpoint, EndpointRow)
_COLUMNS: Final = (
    *(column for column in _STORED if column is not _PREVIOUS),
    Case(When(_PREVIOUS > NOW, _PREVIOUS), alias="previous_until"),
)
"""The columns of an `EndpointRow`."""
_DELIVERY: Final = (
    *columns_of(WebhookDelivery, _OwnColumns),
    Coalesce(WebhookDelivery.url, WebhookDelivery.endpoint_id.url, alias="url"),
    WebhookDelivery.event_id.type.as_alias("type"),
    WebhookDelivery.event_id.subject.as_alias("subject"),
)
"""The columns of a `DeliveryRow`; every delivery has a message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """The new values of an endpoint's fields; None leaves a field unchanged."""

    url: str | None = None
    events: list[str] | None = None
    description: str | None = None
    state: str | None = None


class Webhooks:
    """Reads and writes ``webhook_endpoints`` and ``webhook_deliveries``, each call within one account."""

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
            # The account's row is locked, so that concurrent requests cannot exceed the limit.
            account = await run_one(
                connection,
                User.select(User.is_active).where(User.id == account_id).lock_rows("NO KEY UPDATE"),
            )
            if account is None or not account["is_active"]:
                raise DomainError("account_inactive", "The account is closed.")
            having = WebhookEndpoint.count().where(WebhookEndpoint.account_id == account_id)
            if await run(connection, having) >= self._most:
                raise DomainError(
                    "webhooks_exhausted",
                    f"The account has {self._most} webhooks, which is all it may have; delete one.",
                    limit=self._most,
                )
            endpoint = WebhookEndpoint(
                id=endpoint_id,
                account_id=account_id,
                url=url,
                events=events,
                description=description,
                state="active",
                secret=sealed,
                sealing_key=self._sealer.number,
                created_at=NOW,
                updated_at=NOW,
            )
            rows = await run(connection, WebhookEndpoint.insert(endpoint).returning(*_STORED))
        return EndpointRow(**rows[0]), secret

    async def get(self, account_id: UUID, endpoint_id: UUID) -> EndpointRow:
        """Return one endpoint. Raises `DomainError` not_found, as all methods do for another account's."""
        return EndpointRow(**_found(await run_one(self._pool, _endpoint(account_id, endpoint_id))))

    async def change(self, account_id: UUID, endpoint_id: UUID, change: Change) -> EndpointRow:
        """Change the given fields. Disabling cancels pending deliveries; ``active`` clears the failures."""
        async with self._pool.acquire() as connection, connection.transaction():
            endpoint = _endpoint(account_id, endpoint_id)
            _found(await run_one(connection, endpoint.lock_rows("NO KEY UPDATE")))
            await run(
                connection, WebhookEndpoint.update(_given(change)).where(WebhookEndpoint.id == endpoint_id)
            )
            if change.state == "active":
                await _enable(connection, endpoint_id)
            elif change.state == "disabled":
                await disable(connection, endpoint_id, reason="owner")
            row = await run_one(connection, _endpoint(account_id, endpoint_id))
            return EndpointRow(**_found(row))

    async def delete(self, account_id: UUID, endpoint_id: UUID) -> None:
        """Remove an endpoint and its deliveries."""
        query = WebhookEndpoint.delete().where(*_of(account_id, endpoint_id)).returning(WebhookEndpoint.id)
        _found(await run_one(self._pool, query))

    async def rotate(self, account_id: UUID, endpoint_id: UUID) -> Key:
        """Replace the secret; both secrets sign for 24 hours."""
        secret = secrets.make()
        sealed = self._sealer.seal(secret, endpoint_id)
        changes: Changes = {
            WebhookEndpoint.previous_secret: WebhookEndpoint.secret,
            WebhookEndpoint.previous_until: now_plus(OVERLAP_S),
            WebhookEndpoint.secret: sealed,
            # The former secret stays sealed as it was: the row is of one key only if it was of this one.
            WebhookEndpoint.sealing_key: Case(
                When(WebhookEndpoint.sealing_key == self._sealer.number, WebhookEndpoint.sealing_key)
            ),
            WebhookEndpoint.updated_at: NOW,
        }
        query = WebhookEndpoint.update(changes).where(*_of(account_id, endpoint_id)).returning(_PREVIOUS)
        row = _found(await run_one(self._pool, query))
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
        query = WebhookDelivery.select(*_DELIVERY).where(WebhookDelivery.endpoint_id == endpoint_id)
        if state is not None:
            query = query.where(WebhookDelivery.state == state)
        if before is not None:
            query = query.where(older_than(WebhookDelivery.created_at, WebhookDelivery.id, before))
        query = query.order_by(WebhookDelivery.created_at, WebhookDelivery.id, ascending=False).limit(limit)
        return [DeliveryRow(**row) for row in await run(self._pool, query)]

    async def delivery(self, account_id: UUID, delivery_id: UUID) -> DeliveryRow:
        """Return one delivery."""
        query = WebhookDelivery.select(*_DELIVERY).where(
            WebhookDelivery.account_id == account_id, WebhookDelivery.id == delivery_id
        )
        row = await run_one(self._pool, query)
        if row is None:
            raise DomainError("not_found", "You have no delivery with this id.")
        return DeliveryRow(**row)

    async def list(self, account_id: UUID) -> list[EndpointRow]:
        """Return the account's endpoints, oldest first."""
        query = WebhookEndpoint.select(*_COLUMNS).where(WebhookEndpoint.account_id == account_id)
        query = query.order_by(WebhookEndpoint.created_at, WebhookEndpoint.id)
        return [EndpointRow(**row) for row in await run(self._pool, query)]


async def erase(connection: asyncpg.Connection, account_id: UUID) -> None:
    """Remove all webhooks of an account, which name its servers, as part of the caller's transaction."""
    for table in (WebhookDelivery, WebhookEndpoint, WebhookAccountSecret, WebhookMessage):
        await run(connection, table.delete().where(table.account_id == account_id))


def _of(account_id: UUID, endpoint_id: UUID) -> tuple[Where, Where]:
    return WebhookEndpoint.account_id == account_id, WebhookEndpoint.id == endpoint_id


def _endpoint(account_id: UUID, endpoint_id: UUID) -> Select[WebhookEndpoint]:
    return WebhookEndpoint.select(*_COLUMNS).where(*_of(account_id, endpoint_id))


def _given(change: Change) -> Changes:
    changes: Changes = {
        WebhookEndpoint.url: change.url,
        WebhookEndpoint.events: change.events,
        WebhookEndpoint.description: change.description,
        WebhookEndpoint.updated_at: NOW,
    }
    return {column: value for column, value in changes.items() if value is not None}


async def _enable(connection: asyncpg.Connection, endpoint_id: UUID) -> None:
    changes: Changes = {
        WebhookEndpoint.state: "active",
        WebhookEndpoint.disabled_at: None,
        WebhookEndpoint.disabled_reason: None,
        WebhookEndpoint.failing_since: None,
        WebhookEndpoint.updated_at: NOW,
    }
    query = WebhookEndpoint.update(changes)
    await run(connection, query.where(WebhookEndpoint.id == endpoint_id, WebhookEndpoint.state == "disabled"))


def _found(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        raise DomainError("not_found", "You have no webhook with this id.")
    return row
