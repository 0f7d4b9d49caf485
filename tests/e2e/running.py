"""A handle on a running system: what a person, a partner or a power cut can do to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import httpx
import psutil
from aiokafka import TopicPartition

from bus.contract import envelope, topics
from bus.contract.messages import GENERATION_ENDINGS, GenerationStarted
from bus.kafka import broker
from bus.runtime.errors import UndecodableError
from bus.runtime.settings import KafkaSettings

T = TypeVar("T")


class Running:
    """The stack in ``home``, started by the stack code itself."""

    def __init__(self, home: Path, extra: dict[str, str] | None = None) -> None:
        self.home = home
        self.env = os.environ | {"SHARPSTREAM_HOME": str(home)} | (extra or {})

    # --- what a person types ---

    def cli(self, *arguments: str, timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run ``sharpstream ...`` and return how it went."""
        command = [sys.executable, "-m", "sharpstream", *arguments]
        return subprocess.run(
            command, env=self.env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def up(self) -> None:
        """Start everything; fail with what it said."""
        answer = self.cli("up")
        assert answer.returncode == 0, answer.stdout + answer.stderr

    def status(self) -> dict[str, Any]:
        """What ``status --json`` prints."""
        return json.loads(self.cli("status", "--json").stdout)

    @cached_property
    def url(self) -> str:
        """Where the gateway answers; stays the same for the life of the stack."""
        return self.status()["gateway"]["url"]

    @cached_property
    def credentials(self) -> dict[str, Any]:
        """The generated accounts and passwords."""
        return json.loads(Path(self.status()["credentials_file"]).read_text())

    def client(self) -> httpx.Client:
        """An HTTP client with the first API key."""
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
        self, generation_id: str, status: str = "completed", seconds: float = 90
    ) -> dict[str, Any]:
        """Return the scene once it has that status."""
        return self.wait(lambda: self.scene(generation_id), lambda s: s["status"] == status, seconds)

    # --- what a power cut does ---

    def pid(self, role: str) -> int:
        """The process of a role or server."""
        return int(self.status()["roles"][role]["pid"])

    def kill(self, role: str, how: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a role; return the pid that got it."""
        pid = self.pid(role)
        os.kill(pid, how)
        return pid

    def power_cut(self) -> None:
        """SIGKILL every process of this stack at once, the supervisor too."""
        mine = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("SHARPSTREAM_HOME") == str(self.home):
                    mine.append(process)
        assert len(mine) > 5, mine
        for process in mine:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(mine)

    def wait_for_restart(self, role: str, old_pid: int) -> None:
        """Wait until the supervisor has put a new process in the old one's place, ready."""
        self.wait(
            self.status,
            lambda s: s["roles"][role]["pid"] not in (old_pid, None) and s["roles"][role]["state"] == "ready",
        )

    def wait(self, look: Callable[[], T], good: Callable[[T], bool], seconds: float = 60) -> T:
        """Look until it is good; the limit only turns a hang into a failure that shows the last look."""
        deadline = time.monotonic() + seconds
        while True:
            seen = look()
            if good(seen):
                return seen
            assert time.monotonic() < deadline, f"after {seconds} s still: {seen}"
            time.sleep(0.1)

    # --- what a partner reads, without any deduplication ---

    def kafka(self) -> KafkaSettings:
        """Connection settings of the admin user."""
        return KafkaSettings(**self.credentials["kafka"])

    async def records(self, topic: topics.Topic = topics.EVENTS) -> list[Any]:
        """Every committed record of a topic up to its present end, in order, raw."""
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
        """Every message in a topic; records that are none are what `test_poison` leaves there."""
        found = []
        for record in await self.records(topic):
            with suppress(UndecodableError):
                found.append(envelope.decode(topic, record.value, envelope.present(record.headers)))
        return found

    async def endings(self, generation_id: str) -> list[str]:
        """The types of all events in Kafka that end this generation; more than one is a broken promise."""
        return [
            e.type
            for e in await self.messages(topics.EVENTS)
            if isinstance(e.message, GENERATION_ENDINGS) and e.message.generation_id == UUID(generation_id)
        ]

    async def all_started(self, generation_ids: Sequence[str]) -> bool:
        """Whether a worker has told of each that it took it."""
        decoded = await self.messages(topics.PROGRESS)
        started = {e.subject for e in decoded if isinstance(e.message, GenerationStarted)}
        return started.issuperset(generation_ids)

    # --- what an operator asks Postgres ---

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """Run a query as the owner of the database."""
        connection = await asyncpg.connect(self.credentials["database_url"])
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    async def usage_rows(self, generation_id: str) -> int:
        """How many usage rows a generation has."""
        rows = await self.fetch(
            "SELECT count(*) FROM usage_logs WHERE details->>'generation_id' = $1", generation_id
        )
        return int(rows[0][0])
