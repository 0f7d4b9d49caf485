"""A gateway on a port, its events in the real Kafka, and a ledger whose writes the test controls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import httpx
import uvicorn
from aiokafka import AIOKafkaProducer

from bus.contract import topics
from bus.contract.blob_ref import BlobRef
from bus.contract.envelope import OutRecord, decode, record
from bus.contract.ids import new_id
from bus.contract.messages import (
    ExportCompleted,
    GenerationCompleted,
    GenerationRequested,
    ModelRun,
    Timings,
)
from bus.runtime import tasks
from bus.runtime.settings import KafkaSettings
from gateway.app import create_app
from gateway.settings import Settings
from gateway.streaming.cursor import Cursor, partition_of
from gateway.streaming.event_tail import Tail
from tests.gateway.conftest import Api, started, until

REF = BlobRef(key="k", sha256="0" * 64, bytes=1, media_type="image/jpeg")


class World:
    """One account with scenes and events in Kafka; the test does the ledger's writes."""

    def __init__(self, producer: AIOKafkaProducer, events: str, progress: str) -> None:
        self.producer = producer
        self.names = {topics.EVENTS.name: events, topics.PROGRESS.name: progress}
        self.headers: dict[str, str] = {}
        self.account = UUID(int=0)
        self.published: list[tuple[Cursor, OutRecord]] = []

    async def begin(self, api: Api, url: str) -> None:
        """Create the account; ``api`` and ``url`` are those of the gateway used from here on."""
        self.api, self.url = api, url
        person = await self.api.person()
        self.account = await self.api.account_id(person)
        _, self.headers = await self.api.key(person)

    @property
    def partition(self) -> int:
        """The partition of all events of the account."""
        return partition_of(self.account, topics.EVENTS.partitions)

    async def scene(self) -> UUID:
        """Insert a row as if accepted; return its id."""
        generation_id = new_id()
        await self.api.sql(
            "INSERT INTO scene_generations (id, user_id, original_image_url, status, priority, metadata,"
            " created_at, updated_at) VALUES ($1, $2, 's3://b/k', 'pending', 'bulk', '{}', now(), now())",
            generation_id,
            self.account,
        )
        return generation_id

    async def publish(self, message) -> Cursor:
        """Publish an event in a transaction, as the bridges do; each adds a control record after it."""
        out = record(topics.EVENTS, message, key=self.account, source="/test", time=datetime.now(UTC))
        async with self.producer.transaction():
            sent = await self._send(out)
        self.published.append((Cursor(1, sent.partition, sent.offset), out))
        return self.published[-1][0]

    async def publish_progress(self, message) -> None:
        """Publish a progress message in a transaction."""
        async with self.producer.transaction():
            await self._send(record(topics.PROGRESS, message, key=self.account, source="/test"))

    async def _send(self, out: OutRecord):
        return await self.producer.send_and_wait(
            self.names[out.topic], key=out.key, value=out.value, headers=out.headers
        )

    async def project(self) -> None:
        """Write all published events into the event log, as the ledger does."""
        for cursor, out in self.published:
            event = decode(topics.EVENTS, out.value, out.headers)
            await self.api.sql(
                'INSERT INTO event_log (epoch, partition, "offset", event_id, type, subject, account_id,'
                " source, time, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
                " ON CONFLICT DO NOTHING",
                *cursor, UUID(event.id), event.type, UUID(event.subject), self.account, event.source,
                event.time, out.value.decode(),
            )  # fmt: skip
        last = self.published[-1][0]
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

    async def export(self, generation_id: UUID) -> UUID:
        """Insert a row as if accepted; return its id."""
        export_id = new_id()
        await self.api.sql(
            "INSERT INTO export_jobs (id, scene_generation_id, export_format, status, created_at, updated_at)"
            " VALUES ($1, $2, 'SPZ', 'pending', now(), now())",
            export_id,
            generation_id,
        )
        return export_id

    def exported(self, export_id: UUID, generation_id: UUID) -> ExportCompleted:
        return ExportCompleted(
            export_id=export_id, generation_id=generation_id, account_id=self.account, format="SPZ",
            result=REF, timings=Timings(),
        )  # fmt: skip

    def follow(self, generation_id: UUID, after: str | None = None, headers: dict[str, str] | None = None):
        return self.stream(f"scenes/{generation_id}/events", after, headers)

    def stream(self, path: str, after: str | None = None, headers: dict[str, str] | None = None):
        headers = (headers or self.headers) | ({"Last-Event-ID": after} if after else {})
        headers |= {"Accept": "text/event-stream"}
        return following(f"{self.url}/api/v1/{path}", headers)

    async def whole(self, generation_id: UUID, after: str | None = None) -> list[dict]:
        """Follow a scene's stream to its end; return the events."""
        async with asyncio.timeout(30), self.follow(generation_id, after) as (_, frames):
            return [frame async for frame in frames if "event" in frame]

    async def some(self, count: int, after: str | None = None, path: str = "events") -> list[dict]:
        """Follow the account's stream until `count` events have come; return them."""
        seen: list[dict] = []
        async with asyncio.timeout(30), self.stream(path, after) as (answer, frames):
            assert answer.status_code == 200, await answer.aread()
            while len(seen) < count:
                frame = await anext(frames)
                seen += [frame] if "event" in frame else []
        return seen

    async def page(self, **query: object) -> dict:
        """Return a page of the account's events as JSON."""
        async with httpx.AsyncClient() as client:
            answer = await client.get(f"{self.url}/api/v1/events", params=query, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()


@asynccontextmanager
async def gateway(settings: Settings, kafka: KafkaSettings, world: World) -> AsyncIterator[tuple[Api, str]]:
    """Run a gateway on a port that reads the world's topics; yields its client and its URL."""
    app = create_app(settings)
    async with started(app), httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        client.base_url = "http://gateway"
        api = Api(app, client)
        await until(lambda: api.services.hub.ready)
        tail = Tail(
            kafka,
            api.services.hub,
            api.services.history.floors,
            api.services.history.topic_id,
            events=replace(topics.EVENTS, name=world.names[topics.EVENTS.name]),
            progress=replace(topics.PROGRESS, name=world.names[topics.PROGRESS.name]),
        )
        api.services.tail = api.services.streams._tail = tail  # its own tail cannot reach Kafka
        following_kafka = asyncio.create_task(tail.run())
        await until(lambda: tail.state == "connected")
        server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_config=None))
        serving = asyncio.create_task(server._serve())
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield api, f"http://127.0.0.1:{port}"
        finally:
            api.services.hub.close()
            server.should_exit = True
            await asyncio.gather(serving, return_exceptions=True)
            await tasks.end([following_kafka])


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
