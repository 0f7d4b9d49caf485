from __future__ import annotations

import asyncio

import asyncpg
import pytest

from bus.bridges import outbox
from bus.bridges.outbox import RecordTooLargeError
from bus.contract.envelope import OutRecord
from bus.kafka.transactions import MAX_RECORD_BYTES, size_of


def record(size: int = 10, headers: list[tuple[str, bytes]] | None = None) -> OutRecord:
    return OutRecord(topic="t", key=b"key", value=b"v" * size, headers=headers or [])


def test_dump_and_load_round_trip() -> None:
    records = [record(headers=[("ce_id", b"1"), ("raw", b"\xff\x00"), ("raw", b"")]), record(0)]
    assert outbox.load(outbox.dump(records)) == records


def test_an_oversized_record_is_refused() -> None:
    at_the_limit = record(MAX_RECORD_BYTES - size_of(record(0)))
    assert outbox.load(outbox.dump([at_the_limit])) == [at_the_limit]
    with pytest.raises(RecordTooLargeError, match="blob store"):
        outbox.dump([record(), record(MAX_RECORD_BYTES)])
    with pytest.raises(RecordTooLargeError):
        outbox.dump([record(headers=[("large", b"x" * MAX_RECORD_BYTES)])])


@pytest.mark.stack
async def test_enqueued_records_commit_and_roll_back_with_the_transaction(fresh_database: str) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    writer, reader = await asyncpg.connect(fresh_database), await asyncpg.connect(fresh_database)
    try:
        await reader.add_listener(outbox.CHANNEL, lambda *call: heard.put_nowait(call[3]))
        undone = writer.transaction()
        await undone.start()
        await outbox.enqueue(writer, [record()])
        await undone.rollback()
        async with writer.transaction():
            await outbox.enqueue(writer, [record(1), record(2)])
            assert await reader.fetchval("SELECT count(*) FROM outbox") == 0
        rows = await reader.fetch("SELECT publish_seq, records FROM outbox")
        assert [outbox.load(row["records"]) for row in rows] == [[record(1), record(2)]]
        assert rows[0]["publish_seq"] is None
        async with asyncio.timeout(10):
            await heard.get()
        assert heard.empty()  # no notification of the transaction that was rolled back
    finally:
        await writer.close()
        await reader.close()
