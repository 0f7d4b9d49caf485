"""Events of one account as they would be stored in Kafka."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
from msgspec import UnsetType

from bus.bridges.projector import RawRecord
from bus.contract import envelope, ids, topics
from bus.contract.blob_ref import BlobRef
from bus.contract.messages import (
    AnyMessage,
    ApiKeyCreated,
    ExportCompleted,
    ExportFailed,
    ExportRequested,
    FocalSource,
    GenerationCancelled,
    GenerationCompleted,
    GenerationDeleted,
    GenerationFailed,
    GenerationRequested,
    ModelRun,
    Timings,
)
from bus.contract.topics import Topic

BUCKET: Final = "splats"
EPOCH: Final = 1
NOON: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
PHOTO: Final = BlobRef(key="originals/g/1", sha256="aa" * 32, bytes=1234, media_type="image/jpeg")
SPLAT: Final = BlobRef(key="results/g/1.ply", sha256="bb" * 32, bytes=66_000_000, media_type="model/ply")
RENDITION: Final = BlobRef(key="results/g/2.jpg", sha256="cc" * 32, bytes=90_000, media_type="image/jpeg")
THUMBNAIL: Final = BlobRef(key="results/g/3.jpg", sha256="dd" * 32, bytes=25_000, media_type="image/jpeg")
MODEL: Final = ModelRun(
    name="card", version="1", weights_sha256=None, dtype="float32", device="cpu", batch_size=2
)
TIMINGS: Final = Timings(queued_ms=900.0, fetch_ms=10.0, decode_ms=20.5, inference_ms=800.0, upload_ms=30.0)


@dataclass
class Story:
    """Makes records with growing offsets and times."""

    account: UUID
    partition: int = 3
    topic: Topic = topics.EVENTS
    offset: int = 0
    clock: datetime = NOON
    published: list[RawRecord] = field(default_factory=list)

    def append(self, message: AnyMessage, **options: Any) -> RawRecord:
        """Append a message and return its record; ``options`` go to `bus.contract.envelope.record`."""
        self.clock += timedelta(seconds=1)
        stated = {"key": self.account, "source": "/tests", "time": self.clock} | options
        return self.assign_offset(envelope.record(self.topic, message, **stated))

    def assign_offset(self, out: envelope.OutRecord) -> RawRecord:
        """Append the record at the next offset."""
        return self.raw(key=out.key, value=out.value, headers=out.headers)

    def raw(self, *, key: bytes | None, value: bytes | None, headers: envelope.Headers) -> RawRecord:
        """Append any bytes at the next offset."""
        self.offset += 1
        record = RawRecord(
            topic=self.topic.name,
            partition=self.partition,
            offset=self.offset - 1,
            key=key,
            value=value,
            headers=headers,
            timestamp=self.clock,
        )
        self.published.append(record)
        return record

    def again(self, record: RawRecord) -> RawRecord:
        """Append the same record at another offset."""
        return self.raw(key=record.key, value=record.value, headers=list(record.headers))

    # --- the messages ---

    def requested(self, generation: UUID, **changes: Any) -> RawRecord:
        return self.append(
            GenerationRequested(generation_id=generation, account_id=self.account, source=PHOTO, **changes)
        )

    def completed(
        self,
        generation: UUID,
        *,
        photo: BlobRef | UnsetType = RENDITION,
        thumbnail: BlobRef | UnsetType = THUMBNAIL,
        **options: Any,
    ) -> RawRecord:
        return self.append(
            GenerationCompleted(
                generation_id=generation,
                account_id=self.account,
                result=SPLAT,
                gaussian_count=1_179_648,
                image_width=1536,
                image_height=1024,
                focal_length_px=1281.25,
                input_sha256=PHOTO.sha256,
                model=MODEL,
                timings=TIMINGS,
                focal_source=FocalSource.EXIF,
                scale_uncertainty=0.26,
                photo=photo,
                thumbnail=thumbnail,
            ),
            **options,
        )

    def failed(self, generation: UUID, message: str = "Send a photo.") -> RawRecord:
        return self.append(
            GenerationFailed(
                generation_id=generation, account_id=self.account, code="image_broken", message=message
            )
        )

    def cancelled(self, generation: UUID, reason: str = "requested") -> RawRecord:
        return self.append(
            GenerationCancelled(generation_id=generation, account_id=self.account, reason=reason)
        )

    def deleted(self, generation: UUID) -> RawRecord:
        return self.append(GenerationDeleted(generation_id=generation, account_id=self.account))

    def export_requested(self, export: UUID, generation: UUID, **changes: Any) -> RawRecord:
        return self.append(
            ExportRequested(
                export_id=export,
                generation_id=generation,
                account_id=self.account,
                format="GLTF",
                **changes,
            )
        )

    def export_completed(self, export: UUID, generation: UUID, **changes: Any) -> RawRecord:
        result = BlobRef(key="exports/e/1.glb", sha256="cc" * 32, bytes=77, media_type="model/gltf-binary")
        return self.append(
            ExportCompleted(
                export_id=export,
                generation_id=generation,
                account_id=self.account,
                format="GLTF",
                result=result,
                timings=Timings(),
                **changes,
            )
        )

    def export_failed(self, export: UUID, generation: UUID) -> RawRecord:
        return self.append(
            ExportFailed(
                export_id=export,
                generation_id=generation,
                account_id=self.account,
                format="GLTF",
                code="unsupported_format",
                message="Not yet.",
            )
        )

    def key_created(self, key: UUID) -> RawRecord:
        return self.append(ApiKeyCreated(api_key_id=key, account_id=self.account))


async def add_user(connection: asyncpg.Connection, **changes: Any) -> UUID:
    """Insert an account and return its id."""
    user = ids.new_id()
    row = {
        "id": user,
        "email": f"{user}@example.org",
        "password_hash": "x",
        "first_name": "Ada",
        "last_name": "L",
        "role": "user",
        "created_at": NOON,
        "updated_at": NOON,
        "is_active": True,
    }
    await insert(connection, "users", row | changes)
    return user


async def insert(connection: asyncpg.Connection, table: str, row: dict[str, Any]) -> None:
    """Insert one row, naming only the columns given."""
    columns = ", ".join(f'"{name}"' for name in row)
    placeholders = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({placeholders})", *row.values())


async def everything(connection: asyncpg.Connection) -> dict[str, list[Any]]:
    """Return all rows that projections write, to compare before and after."""
    queries = {
        "event_log": "SELECT *, body::text FROM event_log ORDER BY epoch, partition, 4",
        "scene_generations": "SELECT * FROM scene_generations ORDER BY id",
        "usage_logs": "SELECT * FROM usage_logs ORDER BY id",
        "export_jobs": "SELECT * FROM export_jobs ORDER BY id",
        "parked_events": "SELECT * FROM parked_events",
    }
    return {name: [tuple(row) for row in await connection.fetch(query)] for name, query in queries.items()}


async def rows_read(pool: asyncpg.Pool, table: str) -> int:
    """Return how many rows the indexes of a table have read so far, by the statistics of Postgres."""
    async with pool.acquire() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        read = "SELECT sum(idx_tup_read) FROM pg_stat_user_indexes WHERE relname = $1"
        return int(await connection.fetchval(read, table))
