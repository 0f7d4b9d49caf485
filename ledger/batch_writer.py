"""Decodes a batch of records, writes it as one, and parks the records that cannot be written.

A poison record must neither stop the ledger for ever nor be lost, so it is parked, byte for byte, in the same
transaction. Runs inside a projector (`bus.bridges.projector`), which owns transaction and offset.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import asyncpg
import structlog

from bus.bridges.projector import RawRecord
from bus.contract.topics import Topic
from ledger import metrics
from ledger.events import Event, Undecodable, decode, storable, to_json

log = structlog.get_logger(__name__)

Write = Callable[[asyncpg.Connection, Sequence[Event]], Awaitable[None]]
"""Writes any number of events in a fixed number of statements; idempotent."""

_POISON: Final = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""The errors of Postgres for a value that it cannot store; other errors do not concern the record."""
_PARK: Final = """
INSERT INTO parked_events (projector, epoch, topic, partition, "offset", key, headers, value, reason)
SELECT $1, $2, * FROM unnest($3::text[], $4::int[], $5::bigint[], $6::bytea[], $7::text[]::jsonb[],
                             $8::bytea[], $9::text[])
ON CONFLICT DO NOTHING"""


class Intake:
    """The `bus.bridges.projector.Apply` of the projector named ``projector``, which writes by ``write``."""

    def __init__(self, topic: Topic, *, projector: str, epoch: int, write: Write) -> None:
        self._topic, self._projector, self._epoch, self._write = topic, projector, epoch, write

    async def apply(self, connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
        """Write the batch; must run inside a transaction."""
        events, undecodable = decode(self._topic, records)
        refused = await self._bisect(connection, events)
        by_position = {(record.partition, record.offset): record for record in records}
        undecodable += [
            Undecodable(by_position[event.partition, event.offset], reason) for event, reason in refused
        ]
        if undecodable:
            await self._park(connection, undecodable)

    async def _bisect(
        self, connection: asyncpg.Connection, events: Sequence[Event]
    ) -> list[tuple[Event, str]]:
        """Write all events, or else each half, down to single events; return those that Postgres refuses."""
        if not events:
            return []
        try:
            async with connection.transaction():
                await self._write(connection, events)
        except _POISON as error:
            if len(events) == 1:
                return [(events[0], f"Postgres refused it: {error}")]
        else:
            return []
        middle = len(events) // 2
        first = await self._bisect(connection, events[:middle])
        return first + await self._bisect(connection, events[middle:])

    async def _park(self, connection: asyncpg.Connection, undecodable: Sequence[Undecodable]) -> None:
        records = [item.record for item in undecodable]
        await connection.execute(
            _PARK,
            self._projector,
            self._epoch,
            [record.topic for record in records],
            [record.partition for record in records],
            [record.offset for record in records],
            [record.key for record in records],
            [headers_json(record) for record in records],
            [record.value for record in records],
            [storable(item.reason) for item in undecodable],
        )
        metrics.PARKED.labels(self._projector).inc(len(undecodable))
        for item in undecodable:
            log.error(
                "event_parked",
                projector=self._projector,
                topic=item.record.topic,
                partition=item.record.partition,
                offset=item.record.offset,
                reason=item.reason,
            )


def headers_json(record: RawRecord) -> str:
    """Return the headers as JSON [[name, base64], ...]: names may repeat, values may be any bytes."""
    pairs = [(name, base64.b64encode(raw).decode()) for name, raw in record.headers]
    return to_json(pairs)
