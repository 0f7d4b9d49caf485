"""Records of the events topic for benchmarks of its readers: half requested, half completed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg

from bus.bridges.projector import Projector, RawRecord
from bus.contract import envelope, topics
from bus.contract.blob_ref import BlobRef
from bus.contract.ids import new_id
from bus.contract.messages import (
    AnyMessage,
    GenerationCompleted,
    GenerationRequested,
    ModelRun,
    Timings,
)
from ledger.batch_writer import Intake
from ledger.events import decode
from ledger.projection import PROJECTOR, EventProjection

PHOTO = BlobRef(key="originals/g/1", sha256="aa" * 32, bytes=1_234_567, media_type="image/jpeg")
SPLAT = BlobRef(key="results/g/1.ply", sha256="bb" * 32, bytes=66_060_288, media_type="model/ply")
MODEL = ModelRun(
    name="sharp", version="1", weights_sha256="cc" * 32, dtype="float16", device="cuda", batch_size=4
)
REQUESTED = "generation.requested.v1"
TIMINGS = Timings(queued_ms=12.5, fetch_ms=9.1, decode_ms=20.2, inference_ms=700.3, upload_ms=120.9)


def events_of(account: UUID, partition: int, count: int) -> list[RawRecord]:
    """Return ``count`` events of one account, 50 generations open at a time."""
    reported: list[AnyMessage] = []
    while len(reported) < count:
        open_now = [new_id() for _ in range(50)]
        reported += [requested(generation, account) for generation in open_now]
        reported += [completed(generation, account) for generation in open_now]
    began = datetime.now(UTC)
    return [
        raw(message, began + timedelta(milliseconds=offset), account, partition, offset)
        for offset, message in enumerate(reported[:count])
    ]


def requested(generation: UUID, account: UUID) -> GenerationRequested:
    """Return the event of an accepted photo."""
    return GenerationRequested(generation_id=generation, account_id=account, source=PHOTO)


def completed(generation: UUID, account: UUID) -> GenerationCompleted:
    """Return the event of a stored splat."""
    return GenerationCompleted(
        generation_id=generation,
        account_id=account,
        result=SPLAT,
        gaussian_count=1_179_648,
        image_width=1536,
        image_height=1024,
        focal_length_px=1281.25,
        input_sha256=PHOTO.sha256,
        model=MODEL,
        timings=TIMINGS,
    )


def raw(message: AnyMessage, at: datetime, account: UUID, partition: int, offset: int) -> RawRecord:
    """Return the message as a Kafka record."""
    out = envelope.record(topics.EVENTS, message, key=account, source="/bench", time=at)
    return RawRecord(
        topic=topics.EVENTS.name,
        partition=partition,
        offset=offset,
        key=out.key,
        value=out.value,
        headers=out.headers,
        timestamp=at,
    )


async def account_of(pool: asyncpg.Pool) -> UUID:
    """Insert an account and return its id."""
    account = new_id()
    await pool.execute(
        "INSERT INTO users VALUES ($1, $2, 'x', 'a', 'b', 'user', now(), now(), true)",
        account,
        f"{account}@example.org",
    )
    return account


_ACCEPTED = """
INSERT INTO scene_generations (id, user_id, original_image_url, status, priority, metadata,
                               created_at, updated_at)
SELECT id, $2, 's3://b/o', 'pending', 'interactive', '{"client": {}, "image": {"bytes": 1234567}}', at, at
FROM unnest($1::uuid[], $3::timestamptz[]) AS r (id, at)"""


async def accept(pool: asyncpg.Pool, account: UUID, records: list[RawRecord]) -> None:
    """Write the scenes' rows, as the gateway does before their events are published."""
    events = [event for event in decode(topics.EVENTS, records)[0] if event.type == REQUESTED]
    await pool.execute(_ACCEPTED, [e.subject for e in events], account, [e.time for e in events])


def projector_of(pool: asyncpg.Pool) -> tuple[Projector, int]:
    """Return the ledger's projector and its own epoch, so that runs can follow each other."""
    epoch = time.time_ns() // 1_000_000_000
    write = EventProjection(epoch=epoch, bucket="bench").write
    intake = Intake(topics.EVENTS, projector=PROJECTOR, epoch=epoch, write=write)
    return Projector(pool, name=PROJECTOR, epoch=epoch, apply=intake.apply), epoch
