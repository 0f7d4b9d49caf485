"""Transactional outbox writes: a row and the records about it, in one statement and one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import asyncpg

from bus.bridges import outbox
from bus.contract.envelope import OutRecord, record
from bus.contract.messages import AnyMessage
from bus.contract.topics import Topic
from gateway.trace import Trace

SOURCE: Final = "/sharpstream/gateway"
"""The CloudEvents source of the gateway's messages."""


def outbox_record(
    topic: Topic, message: AnyMessage, *, key: UUID, trace: Trace, time: datetime | None = None
) -> OutRecord:
    """Return ``message`` as a record of the gateway, with the request's correlation id and trace parent."""
    return record(
        topic,
        message,
        key=key,
        source=SOURCE,
        time=time,
        correlation_id=trace.correlation_id,
        traceparent=trace.traceparent,
    )


async def write_and_publish(
    pool: asyncpg.Pool | asyncpg.Connection,
    statement: str,
    arguments: Sequence[Any],
    records: Sequence[OutRecord],
) -> asyncpg.Record | None:
    """Run ``statement``, which writes and returns one row; if it does, put ``records`` into the outbox.

    Returns the row, or None where nothing was written and so nothing is published. On a pool the statement is
    its own transaction. BEGIN, two statements, COMMIT would be four round trips while the client waits.
    """
    row: asyncpg.Record | None = await pool.fetchrow(
        _with_outbox(statement, len(arguments) + 1), *arguments, outbox.dump(records)
    )
    return row


@lru_cache(maxsize=64)
def _with_outbox(statement: str, parameter: int) -> str:
    return (
        f"WITH written AS ({statement}),"  # noqa: S608  (statements are constants of this package)
        f" published AS (INSERT INTO outbox (records) SELECT ${parameter}::bytea FROM written RETURNING id),"
        f" told AS (SELECT pg_notify('{outbox.CHANNEL}', '') FROM published)"
        " SELECT written.* FROM written, told"
    )
