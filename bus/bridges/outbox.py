"""The outbox: records written to Postgres in the same transaction as the row that they describe.

One outbox row is one atomic publication: `bus.bridges.relay` sends all its records in one Kafka transaction.
A row with ``held_for`` waits until the database releases it (`gateway.scenes.effective_priority`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import asyncpg
import msgspec

from bus.contract.envelope import OutRecord
from bus.kafka.transactions import MAX_RECORD_BYTES, size_of
from bus.runtime.errors import PermanentError

CHANNEL: Final = "outbox"
"""The Postgres channel that wakes the relay."""
_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[OutRecord])
_INSERT: Final = (
    "WITH kept AS (INSERT INTO outbox (records) VALUES ($1) RETURNING id)"
    " SELECT pg_notify('outbox', '') FROM kept"  # one round trip; delivered when the transaction commits
)

_INSERT_MANY: Final = (
    "WITH kept AS (INSERT INTO outbox (records) SELECT unnest($1::bytea[]) RETURNING id)"
    " SELECT pg_notify('outbox', '') FROM kept LIMIT 1"
)


class RecordTooLargeError(PermanentError):
    """A record that Kafka would refuse; in the outbox it would block every record behind it."""

    code = "record_too_large"


async def enqueue(connection: asyncpg.Connection, records: Sequence[OutRecord]) -> None:
    """Write the records to the outbox, as part of the caller's transaction.

    They are published exactly once, together and in this order, after the transaction has committed; not at
    all if it rolls back. Raises `RecordTooLargeError`.
    """
    await connection.execute(_INSERT, dump(records))


async def enqueue_each(connection: asyncpg.Connection, publications: Sequence[Sequence[OutRecord]]) -> None:
    """Write many publications to the outbox, each as `enqueue` does, in one round trip."""
    if publications:
        await connection.execute(_INSERT_MANY, [dump(records) for records in publications])


def dump(records: Sequence[OutRecord]) -> bytes:
    """Return the records in the format of an outbox row (msgpack). Raises `RecordTooLargeError`."""
    for record in records:
        if (size := size_of(record)) > MAX_RECORD_BYTES:
            raise RecordTooLargeError(
                f"A record for {record.topic} has {size} bytes, Kafka takes {MAX_RECORD_BYTES}: put the bulk"
                " into the blob store and send a reference.",
                topic=record.topic,
                bytes=size,
            )
    return _encoder.encode(list(records))


def load(raw: bytes) -> list[OutRecord]:
    """Return the records of one outbox row."""
    return _decoder.decode(raw)
