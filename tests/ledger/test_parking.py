"""Records that cannot be projected are parked, and all others are projected."""

from __future__ import annotations

import base64
import json
from uuid import uuid4

import asyncpg
import pytest

from bus.bridges.projector import Projector
from bus.contract import envelope, topics
from bus.contract.messages import GenerationRequested
from tests.ledger.story import NOON, PHOTO, Story


def bent(story: Story, **headers: bytes | None) -> envelope.OutRecord:
    """Return a valid record with some headers replaced, or removed where None."""
    out = envelope.record(
        topics.EVENTS,
        GenerationRequested(generation_id=uuid4(), account_id=story.account, source=PHOTO),
        key=story.account,
        source="/tests",
        time=NOON,
    )
    named = dict(out.headers) | headers
    kept = [(name, value) for name, value in named.items() if value is not None]
    return envelope.OutRecord(topic=out.topic, key=out.key, value=out.value, headers=kept)


@pytest.mark.parametrize(
    ("headers", "value", "reason"),
    [
        ({}, b"{", "contract"),
        ({}, b'{"type": "generation.dreamt.v1"}', "contract"),
        ({}, None, "contract"),
        ({"ce_id": None}, None, "contract"),
        ({"ce_time": None}, b"", "ce_time"),
        ({"ce_type": b"generation.failed.v1"}, b"", "generation.failed.v1"),
        ({"ce_id": b"17"}, b"", "UUID"),
        ({"ce_subject": b"me"}, b"", "UUID"),
        ({"ce_time": b"2026-03-01T12:00:00"}, b"", "zone"),
    ],
)
async def test_undecodable_records_are_parked_byte_for_byte(
    ledger: Projector,
    story: Story,
    connection: asyncpg.Connection,
    headers: dict[str, bytes | None],
    value: bytes | None,
    reason: str,
) -> None:
    out = bent(story, **headers)
    value = out.value if value == b"" else value
    good = [uuid4(), uuid4()]
    before = story.requested(good[0])
    bad = story.raw(key=b"\xff", value=value, headers=[*out.headers, ("x", b"\x00\xfe")])
    after = story.requested(good[1])
    await ledger.project([before, bad, after])
    row = await connection.fetchrow("SELECT * FROM parked_events")
    assert (row["projector"], row["epoch"], row["topic"]) == ("ledger", 1, topics.EVENTS.name)
    assert (row["partition"], row["offset"], row["key"], row["value"]) == (3, 1, b"\xff", value)
    kept = [(name, base64.b64decode(raw)) for name, raw in json.loads(row["headers"])]
    assert kept == list(bad.headers)
    assert reason in row["reason"]
    assert await connection.fetchval("SELECT count(*) FROM event_log") == 2
    assert await connection.fetchval("SELECT next_offset FROM projector_offsets") == 3


async def test_only_the_record_that_postgres_refuses_is_parked(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    await connection.execute("ALTER TABLE event_log ADD CHECK (source <> '/poison')")
    bad = GenerationRequested(generation_id=uuid4(), account_id=story.account, source=PHOTO)
    records = [story.requested(uuid4()) for _ in range(4)]
    records.append(story.append(bad, source="/poison"))
    records += [story.requested(uuid4()) for _ in range(3)]
    await ledger.project(records)
    row = await connection.fetchrow("SELECT * FROM parked_events")
    assert (row["offset"], row["value"]) == (4, records[4].value)
    assert row["reason"].startswith("Postgres refused it")
    assert await connection.fetchval("SELECT count(*) FROM event_log") == 7
    assert await connection.fetchval("SELECT count(*) FROM scene_generations") == 7


async def test_a_database_error_parks_nothing(
    ledger: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    await connection.execute("ALTER TABLE usage_logs RENAME TO elsewhere")
    records = [story.requested(uuid4()), story.key_created(uuid4())]
    with pytest.raises(asyncpg.UndefinedTableError):
        await ledger.project(records)
    assert await connection.fetchval("SELECT count(*) FROM event_log") == 0
    assert await connection.fetchval("SELECT count(*) FROM parked_events") == 0
    await connection.execute("ALTER TABLE elsewhere RENAME TO usage_logs")
    assert await ledger.project(records) == 2
    assert await connection.fetchval("SELECT count(*) FROM usage_logs") == 1
