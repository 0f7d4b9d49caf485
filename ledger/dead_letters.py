"""Projects the dead-letter topics into Postgres, where admins list, redrive or discard them.

Accepts any bytes: an undecodable record is listed too, without a subject. Decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import asyncpg

from bus.bridges.projector import RawRecord
from bus.contract import envelope, ids, topics
from bus.kafka import retry
from bus.runtime.errors import UndecodableError
from ledger import metrics
from ledger.batch_writer import headers_json
from ledger.events import storable

PROJECTOR: Final = "ledger.dead"
"""The name in ``projector_offsets``."""
MOST_ATTEMPTS: Final = 2**31 - 1
TOPICS: Final = (topics.GENERATION_DEAD, topics.EXPORT_DEAD, topics.PARTNERS_DEAD)

_WRITE: Final = """
INSERT INTO dead_letters (id, epoch, topic, partition, "offset", origin_topic, subject, account_id, code,
                          reason, attempts, key, headers, value, dead_at, state)
SELECT d.id, $1, d.topic, d.partition, d.place, d.origin, d.subject, d.account, d.code, d.reason, d.attempts,
       d.key, d.headers::jsonb, d.value, d.time, 'open'
FROM unnest($2::uuid[], $3::text[], $4::int[], $5::bigint[], $6::text[], $7::uuid[], $8::uuid[], $9::text[],
            $10::text[], $11::int[], $12::bytea[], $13::text[], $14::bytea[], $15::timestamptz[])
  AS d (id, topic, partition, place, origin, subject, account, code, reason, attempts, key, headers, value,
        time)
ON CONFLICT DO NOTHING"""


class DeadLetters:
    """The `bus.bridges.projector.Apply` of the dead-letter topics of one topic epoch."""

    def __init__(self, *, epoch: int) -> None:
        self._epoch = epoch

    async def apply(self, connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
        """Write the batch; must run inside a transaction."""
        rows = [self._row(record) for record in records]
        await connection.execute(_WRITE, self._epoch, *zip(*rows, strict=True))
        metrics.DEAD.inc(len(rows))

    def _row(self, record: RawRecord) -> tuple[Any, ...]:
        named = {name: storable(raw.decode(errors="replace")) for name, raw in record.headers}
        position = (str(self._epoch), str(record.partition), str(record.offset))
        subject, account = _whose(record)
        return (
            ids.event_id(record.topic, "dead", *position),
            record.topic,
            record.partition,
            record.offset,
            named.get(retry.ORIGIN_TOPIC),
            subject,
            account,
            named.get(retry.CODE, "unknown"),
            named.get(retry.REASON, "The record does not say why."),
            min(retry.attempt_of(record.headers), MOST_ATTEMPTS),
            record.key,
            headers_json(record),
            record.value,
            record.timestamp,
        )


def _whose(record: RawRecord) -> tuple[UUID | None, UUID | None]:
    """Return the job's id and its account, each None where the command cannot be read."""
    topic = next((topic for topic in TOPICS if topic.name == record.topic), None)
    if topic is None:
        return None, None
    try:
        found = envelope.decode(topic, record.value, record.headers)
        return UUID(found.subject), found.message.account_id
    except (UndecodableError, ValueError):
        return None, None
