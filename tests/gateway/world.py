"""A gateway on a port, its events in the real Kafka, and a ledger that the test can hold back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import httpx
from aiokafka import AIOKafkaProducer

from bus import topics
from bus.envelope import OutRecord, decode, record
from bus.ids import new_id
from bus.messages import (
    BlobRef,
    GenerationCompleted,
    GenerationRequested,
    ModelRun,
    Timings,
)
from gateway.cursor import Cursor
from tests.gateway.conftest import Api, until

REF = BlobRef(key="k", sha256="0" * 64, bytes=1, media_type="image/jpeg")


class World:
    """One account with scenes, its events in Kafka, and the ledger's part done by hand."""

    def __init__(self, api: Api, producer: AIOKafkaProducer, events: str, progress: str, url: str) -> None:
        self.api, self.producer, self.url = api, producer, url
        self.names = {topics.EVENTS.name: events, topics.PROGRESS.name: progress}
        self.headers: dict[str, str] = {}
        self.account = UUID(int=0)
        self.told: list[tuple[Cursor, OutRecord]] = []

    async def begin(self) -> None:
        person = await self.api.person()
        self.account = await self.api.account_id(person)
        _, self.headers = await self.api.key(person)

    async def scene(self) -> UUID:
        """A row, as if accepted."""
        generation_id = new_id()
        await self.api.sql(
            "INSERT INTO scene_generations (id, user_id, original_image_url, status, priority, metadata,"
            " created_at, updated_at) VALUES ($1, $2, 's3://b/k', 'pending', 'bulk', '{}', now(), now())",
            generation_id,
            self.account,
        )
        return generation_id

    async def tell(self, message) -> Cursor:
        """Publish an event in a transaction, as the bridges do; each leaves a control record behind it."""
        out = record(topics.EVENTS, message, key=self.account, source="/test", time=datetime.now(UTC))
        async with self.producer.transaction():
            sent = await self._send(out)
        self.told.append((Cursor(1, sent.partition, sent.offset), out))
        return self.told[-1][0]

    async def whisper(self, message) -> None:
        """Publish progress."""
        async with self.producer.transaction():
            await self._send(record(topics.PROGRESS, message, key=self.account, source="/test"))

    async def _send(self, out: OutRecord):
        return await self.producer.send_and_wait(
            self.names[out.topic], key=out.key, value=out.value, headers=out.headers
        )

    async def project(self) -> None:
        """Do the ledger's work: everything told so far is in the log."""
        for cursor, out in self.told:
            event = decode(topics.EVENTS, out.value, out.headers)
            await self.api.sql(
                'INSERT INTO event_log (epoch, partition, "offset", event_id, type, subject, account_id,'
                " source, time, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                " ON CONFLICT DO NOTHING",
                *cursor, UUID(event.id), event.type, UUID(event.subject), self.account, event.source,
                event.time, out.value.decode(),
            )  # fmt: skip
        last = self.told[-1][0]
        await self.api.sql(
            "INSERT INTO projector_offsets (projector, epoch, topic, partition, next_offset)"
            " VALUES ('ledger', $1, $2, $3, $4) ON CONFLICT (projector, epoch, topic, partition)"
            " DO UPDATE SET next_offset = excluded.next_offset",
            last.epoch, topics.EVENTS.name, last.partition, last.offset + 1,
        )  # fmt: skip

    async def heard(self, cursor: Cursor) -> None:
        """Wait until the gateway's tail has passed this event."""
        hub = self.api.services.hub
        await until(lambda: hub.positions()[cursor.partition] > cursor.offset)

    def requested(self, generation_id: UUID) -> GenerationRequested:
        return GenerationRequested(generation_id=generation_id, account_id=self.account, source=REF)

    def completed(self, generation_id: UUID) -> GenerationCompleted:
        return GenerationCompleted(
            generation_id=generation_id, account_id=self.account, result=REF, gaussian_count=1, image_width=1,
            image_height=1, focal_length_px=1, input_sha256="0" * 64, timings=Timings(),
            model=ModelRun(
                name="card", version="1", weights_sha256=None, dtype="float32", device="cpu", batch_size=1
            ),
        )  # fmt: skip

    def follow(self, generation_id: UUID, after: str | None = None, headers: dict[str, str] | None = None):
        headers = (headers or self.headers) | ({"Last-Event-ID": after} if after else {})
        return following(f"{self.url}/api/v1/scenes/{generation_id}/events", headers)

    async def whole(self, generation_id: UUID, after: str | None = None) -> list[dict]:
        """Follow to the end; the events."""
        async with asyncio.timeout(30), self.follow(generation_id, after) as (_, frames):
            return [frame async for frame in frames if "event" in frame]


@asynccontextmanager
async def following(url: str, headers: dict[str, str]):
    async with (
        httpx.AsyncClient(timeout=30) as client,
        client.stream("GET", url, headers=headers) as answer,
    ):
        yield answer, _frames(answer)


async def _frames(answer: httpx.Response) -> AsyncIterator[dict]:
    frame: dict = {}
    async for line in answer.aiter_lines():
        if not line:
            yield frame
            frame = {}
            continue
        name, _, value = line.partition(": ")
        frame[name or "comment"] = json.loads(value) if name == "data" else value
