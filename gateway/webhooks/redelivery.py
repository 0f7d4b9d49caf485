"""Deliveries that an owner requests: a redelivery, a test event or a replay. Event ids are kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID, uuid4

import asyncpg
import msgspec

from gateway.errors import DomainError
from gateway.outbox import SOURCE
from gateway.streaming.cursor import Position
from gateway.streaming.event import LOG_COLUMNS, StreamEvent, from_row
from gateway.webhooks.fanin import ALL, Message, Target, insert

TEST: Final = "webhook.test.v1"
"""The type of a test event, which is not in the event log."""
PAGE: Final = 1000
"""Events of one replay call; the caller continues from the returned cursor."""
# Locked, so that the endpoint is neither deleted nor disabled before our rows are written.
_ACTIVE: Final = "SELECT state, events FROM webhook_endpoints WHERE account_id = $1 AND id = $2 FOR SHARE"
_AGAIN: Final = """
INSERT INTO webhook_deliveries (id, endpoint_id, account_id, url, lane, event_id, origin)
SELECT $2, endpoint_id, account_id, url, lane, event_id, 'redelivery' FROM webhook_deliveries
WHERE id = $1"""
_ONE: Final = "SELECT endpoint_id FROM webhook_deliveries WHERE account_id = $1 AND id = $2 FOR KEY SHARE"
_PAST: Final = f"""
SELECT {LOG_COLUMNS}, correlation_id, traceparent FROM event_log
WHERE account_id = $1 AND (epoch, "offset") > ($2, $3) AND ($4::timestamptz IS NULL OR time >= $4)
    AND ('{ALL}' = ANY($5::text[]) OR type = ANY($5::text[]))
ORDER BY epoch, "offset" LIMIT $6"""  # noqa: S608  (constants)


class Sending:
    """Writes deliveries. Every statement is limited to one account."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def again(self, account_id: UUID, delivery_id: UUID) -> UUID:
        """Send the event of a delivery once more; return the new delivery's id.

        Raises `DomainError` not_found, or webhook_disabled.
        """
        new_id = uuid4()
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(_ONE, account_id, delivery_id)
            if row is None:
                raise DomainError("not_found", "You have no delivery with this id.")
            if row["endpoint_id"] is not None:
                await _active(connection, account_id, row["endpoint_id"])
            await connection.execute(_AGAIN, delivery_id, new_id)
        return new_id

    async def test(self, account_id: UUID, endpoint_id: UUID) -> UUID:
        """Send a test event, whatever the endpoint's filter; return the delivery's id."""
        event_id = uuid4()
        event = StreamEvent(
            cursor=None,
            account_id=account_id,
            id=str(event_id),
            type=TEST,
            source=SOURCE,
            time=datetime.now(UTC),
            subject=str(endpoint_id),
            body=msgspec.json.encode({"type": TEST, "webhook_id": endpoint_id, "account_id": account_id}),
        )
        message = Message(event_id, account_id, TEST, endpoint_id, event.body_json.decode(), None, None)
        target = Target(endpoint_id, account_id, None, endpoint_id, event_id)
        async with self._pool.acquire() as connection, connection.transaction():
            await _active(connection, account_id, endpoint_id)
            await insert(connection, [message], [target], origin="test")
            return UUID(
                str(
                    await connection.fetchval(
                        "SELECT id FROM webhook_deliveries WHERE event_id = $1", event_id
                    )
                )
            )

    async def replay(
        self, account_id: UUID, endpoint_id: UUID, *, after: Position, since: datetime | None
    ) -> tuple[int, str | None]:
        """Send the log's events that match the filter again, after a position or since a time.

        Returns how many, and the cursor to continue from if there are more than `PAGE`.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            events = await _active(connection, account_id, endpoint_id)
            rows = await connection.fetch(_PAST, account_id, *after, since, events, PAGE + 1)
            taken = rows[:PAGE]
            messages = [_message(row) for row in taken]
            targets = [Target(endpoint_id, account_id, None, endpoint_id, row["event_id"]) for row in taken]
            await insert(connection, messages, targets, origin="replay")
        return len(taken), str(from_row(taken[-1]).cursor) if len(rows) > PAGE else None


async def _active(connection: asyncpg.Connection, account_id: UUID, endpoint_id: UUID) -> list[str]:
    """Return the endpoint's filter and lock its row until the transaction ends."""
    row = await connection.fetchrow(_ACTIVE, account_id, endpoint_id)
    if row is None:
        raise DomainError("not_found", "You have no webhook with this id.")
    if row["state"] != "active":
        raise DomainError("webhook_disabled", "The webhook is disabled; set its status to 'active' first.")
    events: list[str] = row["events"]
    return events


def _message(row: asyncpg.Record) -> Message:
    return Message(
        row["event_id"],
        row["account_id"],
        row["type"],
        row["subject"],
        from_row(row).body_json.decode(),
        row["correlation_id"],
        row["traceparent"],
    )
