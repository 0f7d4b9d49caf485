"""A handle on a running system, on the stack or in containers, for users, partners and operators."""

from __future__ import annotations

import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import httpx
from aiokafka import TopicPartition

from bus.contract import envelope, topics
from bus.contract.messages import GENERATION_ENDINGS, GenerationStarted
from bus.kafka import broker
from bus.runtime.errors import UndecodableError
from bus.runtime.settings import KafkaSettings
from sharpstream.stack.process import START_S

T = TypeVar("T")


class System(ABC):
    """The interface for tests that run on this machine's stack and on containers alike."""

    env: dict[str, str]
    """Environment in which ``sharpstream ...`` uses this system."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Return the gateway's address, which is the same for the life of the system."""

    @property
    @abstractmethod
    def credentials(self) -> dict[str, Any]:
        """``email``, ``password``, ``api_key``, ``database_url``, and the settings ``kafka`` and ``s3``."""

    # --- a user's requests ---

    def cli(self, *arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run ``sharpstream ...`` and return the finished process."""
        command = [sys.executable, "-m", "sharpstream", *arguments]
        return subprocess.run(
            command, env=self.env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def client(self) -> httpx.Client:
        """Return an HTTP client with the first API key."""
        return httpx.Client(
            base_url=self.url + "/api/v1",
            headers={"X-API-Key": self.credentials["api_key"]},
            timeout=30,
        )

    def generate(self, photo: Path) -> str:
        """POST a photo; return the generation id of its 202."""
        with self.client() as client:
            answer = client.post("/scenes/generate", files={"image": (photo.name, photo.read_bytes())})
        assert answer.status_code == 202, answer.text
        return answer.json()["generation_id"]

    def scene(self, generation_id: str) -> dict[str, Any]:
        """GET the scene."""
        with self.client() as client:
            answer = client.get(f"/scenes/{generation_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait_for_scene(
        self, generation_id: str, status: str = "completed", seconds: float = START_S
    ) -> dict[str, Any]:
        """Return the scene once it has that status."""
        return self.wait(lambda: self.scene(generation_id), lambda s: s["status"] == status, seconds)

    def wait(self, read: Callable[[], T], good: Callable[[T], bool], seconds: float = START_S) -> T:
        """Poll until ``good`` accepts the value, and return it.

        The limit is the product's own and only turns a hang into a failure, which shows the last value and
        `diagnosis`.
        """
        deadline = time.monotonic() + seconds
        while True:
            seen = read()
            if good(seen):
                return seen
            assert time.monotonic() < deadline, f"after {seconds} s still: {seen}\n{self.diagnosis()}"
            time.sleep(0.1)

    def diagnosis(self) -> str:
        """Return details of the system's state for the message of a failure."""
        return ""

    # --- a partner's reads, without deduplication ---

    def kafka(self) -> KafkaSettings:
        """Return the connection settings of the admin user."""
        return KafkaSettings(**self.credentials["kafka"])

    async def records(self, topic: topics.Topic = topics.EVENTS) -> list[Any]:
        """Return every committed record of a topic up to its current end, in order, raw."""
        consumer = broker.consumer(self.kafka(), client_id="tests", group_id=None)
        await consumer.start()
        try:
            parts = [TopicPartition(topic.name, p) for p in range(topic.partitions)]
            consumer.assign(parts)
            ends = await consumer.end_offsets(parts)
            found: list[Any] = []
            for part in parts:
                await consumer.seek_to_beginning(part)
            while any([await consumer.position(part) < ends[part] for part in parts]):
                batches = await consumer.getmany(*parts, timeout_ms=200)
                found += [record for batch in batches.values() for record in batch]
            return found
        finally:
            await consumer.stop()

    async def messages(self, topic: topics.Topic) -> list[envelope.Envelope[Any]]:
        """Return every message in a topic, without the undecodable records of `test_poison`."""
        found = []
        for record in await self.records(topic):
            with suppress(UndecodableError):
                found.append(envelope.decode(topic, record.value, envelope.present(record.headers)))
        return found

    async def endings(self, generation_id: str) -> list[str]:
        """Return the types of all events in Kafka that end this generation. More than one is a fault."""
        return [
            e.type
            for e in await self.messages(topics.EVENTS)
            if isinstance(e.message, GENERATION_ENDINGS) and e.message.generation_id == UUID(generation_id)
        ]

    async def all_started(self, generation_ids: Sequence[str]) -> bool:
        """Return whether a worker has published the start of each generation."""
        decoded = await self.messages(topics.PROGRESS)
        started = {e.subject for e in decoded if isinstance(e.message, GenerationStarted)}
        return started.issuperset(generation_ids)

    # --- an operator's queries in Postgres ---

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run a query as the owner of the database."""
        connection = await asyncpg.connect(self.credentials["database_url"])
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def usage_rows(self, generation_id: str) -> int:
        """Return the number of usage rows of a generation."""
        rows = await self.fetch(
            "SELECT count(*) FROM usage_logs WHERE details->>'generation_id' = $1", generation_id
        )
        return int(rows[0][0])
