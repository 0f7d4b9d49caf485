"""Turns events into deliveries: rows and offset in one Postgres transaction, by the projector bridge.

The body is rendered here and not when it is sent. The ledger reads the log independently, so ``event_log``
may not have the event yet, and a redelivery years later must send the same bytes. Undecodable records are
skipped, because the ledger parks them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

import asyncpg
import structlog

from bus.bridges.projector import RawRecord
from bus.bridges.quiet import Quiet, QuietProjector
from bus.contract import topics
from bus.contract.messages import GENERATION_ENDINGS
from gateway.streaming.event import from_decoded
from gateway.webhooks import metrics
from ledger.events import Event, decode

log = structlog.stdlib.get_logger(__name__)

PROJECTOR: Final = "webhooks"
"""The name in ``projector_offsets``."""
ALL: Final = "*"
"""The filter of an endpoint that wants every event type."""
GRACE: Final = timedelta(minutes=1)
"""Clock skew allowed: an event is skipped if it is older than its endpoint by more than this."""

# Shared locks: an endpoint cannot be deleted or disabled between this read and our inserts.
_ENDPOINTS: Final = """
SELECT id, account_id, events, created_at FROM webhook_endpoints
WHERE account_id = ANY($1::uuid[]) AND state = 'active' ORDER BY id FOR SHARE"""
_REQUESTS: Final = """
SELECT id, user_id, webhook_url FROM scene_generations
WHERE id = ANY($1::uuid[]) AND webhook_url IS NOT NULL"""
_WANTED: Final = """
SELECT EXISTS (SELECT FROM webhook_endpoints WHERE state = 'active') OR EXISTS (
    SELECT FROM scene_generations WHERE status IN ('pending', 'processing') AND webhook_url IS NOT NULL)"""
# A conflict locks the row, so that housekeeping cannot remove it before its deliveries are inserted.
_MESSAGES: Final = """
INSERT INTO webhook_messages (event_id, account_id, type, subject, body, correlation_id, traceparent)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::text[], $6::text[], $7::text[])
ON CONFLICT (event_id) DO UPDATE SET created_at = now()"""
_DELIVERIES: Final = """
INSERT INTO webhook_deliveries (id, endpoint_id, account_id, url, lane, event_id, origin)
SELECT gen_random_uuid(), d.endpoint, d.account, d.url, d.lane, d.event, $6
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::uuid[])
  AS d (endpoint, account, url, lane, event)
ON CONFLICT DO NOTHING"""


class Message(NamedTuple):
    """A row of ``webhook_messages``."""

    event_id: UUID
    account_id: UUID
    type: str
    subject: UUID
    body: str
    correlation_id: str | None
    traceparent: str | None


class Target(NamedTuple):
    """The receiver of a delivery: an endpoint, or the ``webhook_url`` of a single request."""

    endpoint_id: UUID | None
    account_id: UUID
    url: str | None
    lane: UUID
    event_id: UUID


async def insert(
    connection: asyncpg.Connection, messages: Sequence[Message], targets: Sequence[Target], *, origin: str
) -> None:
    """Write messages and deliveries, as part of the caller's transaction."""
    if not targets:
        return
    await connection.execute(_MESSAGES, *zip(*messages, strict=True))
    await connection.execute(_DELIVERIES, *zip(*targets, strict=True), origin)


def receiver_of(account_id: UUID, url: str) -> UUID:
    """Return the receiver id of a request's ``webhook_url``: one for each account and origin."""
    parts = urlsplit(url)
    return uuid5(NAMESPACE_URL, f"{account_id} {parts.scheme}://{parts.hostname}:{parts.port}")


def rendered(event: Event, epoch: int) -> Message:
    """Return the message of an event, with the JSON body that every channel sends."""
    body = from_decoded(event, epoch=epoch).body_json.decode()
    return Message(
        event.id, event.account_id, event.type, event.subject, body, event.correlation_id, event.traceparent
    )


class FanIn:
    """Writes a delivery for each receiver of an event. ``epoch`` is the epoch of the events topic."""

    def __init__(self, *, epoch: int) -> None:
        self._epoch = epoch

    async def apply(self, connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
        """Write the deliveries of a batch; must run inside a transaction."""
        events, undecodable = decode(topics.EVENTS, records)
        fit = [event for event in events if "\x00" not in event.body]
        if missed := len(undecodable) + len(events) - len(fit):
            metrics.UNDECODABLE.inc(missed)
            log.warning("records_undecodable", count=missed)
        if not fit:
            return
        by_id = {event.id: event for event in fit}
        targets = await self._endpoints(connection, fit) + await self._requests(connection, fit)
        wanted = {target.event_id for target in targets}
        messages = [rendered(event, self._epoch) for event in by_id.values() if event.id in wanted]
        await insert(connection, messages, targets, origin="event")
        for target in targets:
            metrics.FANNED.labels(by_id[target.event_id].type).inc()

    async def _endpoints(self, connection: asyncpg.Connection, events: Sequence[Event]) -> list[Target]:
        by_account: defaultdict[UUID, list[asyncpg.Record]] = defaultdict(list)
        for row in await connection.fetch(_ENDPOINTS, list({event.account_id for event in events})):
            by_account[row["account_id"]].append(row)
        return [
            Target(row["id"], event.account_id, None, row["id"], event.id)
            for event in events
            for row in by_account.get(event.account_id, ())
            if wants(row["events"], event.type) and not _before(event.time, row["created_at"])
        ]

    async def _requests(self, connection: asyncpg.Connection, events: Sequence[Event]) -> list[Target]:
        endings = {e.subject: e for e in events if isinstance(e.message, GENERATION_ENDINGS)}
        if not endings:
            return []
        rows: Iterable[Any] = await connection.fetch(_REQUESTS, list(endings))
        return [
            Target(
                None,
                event.account_id,
                row["webhook_url"],
                receiver_of(event.account_id, row["webhook_url"]),
                event.id,
            )
            for row in rows
            if (event := endings[row["id"]]).account_id == row["user_id"]
        ]


def wants(events: Sequence[str], kind: str) -> bool:
    """Return whether an endpoint's filter matches an event type."""
    return ALL in events or kind in events


def _before(time: datetime, created_at: datetime) -> bool:
    return time < created_at - GRACE


class WakingProjector(QuietProjector):
    """A projector that calls ``wake`` after each committed batch.

    Records gather for 50 ms where anyone wants a delivery. So an endpoint's first event may wait for a
    second, and that of a request with a ``webhook_url`` if its job is over in less.
    """

    def __init__(self, pool: asyncpg.Pool, *, epoch: int, wake: Callable[[], None]) -> None:
        quiet = Quiet(pool, _WANTED, busy_s=0.05)
        super().__init__(pool, quiet, name=PROJECTOR, epoch=epoch, apply=FanIn(epoch=epoch).apply)
        self._wake = wake

    async def project(self, records: Sequence[RawRecord]) -> int:
        """Apply the records, then wake the sender."""
        done = await super().project(records)
        self._wake()
        return done
