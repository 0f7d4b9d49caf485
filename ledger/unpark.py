"""Writes parked events again, after a release that can decode them; others stay parked.

An event written late has its original position in the log: readers past that position see it in REST only.
"""

from __future__ import annotations

import base64
from typing import Final, NamedTuple

import asyncpg
import msgspec

from bus.bridges.projector import RawRecord
from ledger.batch_writer import Intake
from ledger.db.admin_acts import Act, record

_TAKE: Final = "DELETE FROM parked_events WHERE projector = $1 AND epoch = $2 RETURNING *"
_LEFT: Final = "SELECT count(*) FROM parked_events WHERE projector = $1 AND epoch = $2"


class Unparked(NamedTuple):
    """How many records were parked before, and how many still are."""

    before: int
    left: int


async def unpark(connection: asyncpg.Connection, intake: Intake, *, projector: str, epoch: int) -> Unparked:
    """Pass the projector's parked records to ``intake`` again, in order, in one transaction."""
    async with connection.transaction():
        records = [_record(row) for row in await connection.fetch(_TAKE, projector, epoch)]
        records.sort(key=lambda record: (record.topic, record.partition, record.offset))
        await intake.apply(connection, records)
        left = await connection.fetchval(_LEFT, projector, epoch)
        if records:
            details = {"projector": projector, "taken": len(records) - left, "left": left}
            await record(connection, Act(action="unpark", details=details))
        return Unparked(len(records), left)


def _record(row: asyncpg.Record) -> RawRecord:
    pairs = msgspec.json.decode(row["headers"], type=list[tuple[str, str]])
    return RawRecord(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        key=row["key"],
        value=row["value"],
        headers=[(name, base64.b64decode(text)) for name, text in pairs],
        timestamp=row["recorded_at"],
    )
