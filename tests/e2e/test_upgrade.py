"""The upgrade drill: under load every role is replaced by the next release's, and no request fails.

Nothing is lost and nothing is there twice: a photo has one ending in Kafka, an event is in the log once, the
follower of a live stream and the receiver of webhooks have them all. The invariants hold. Both releases read
what the other one wrote, also after a role went back.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import tempfile
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from uuid import UUID

import httpx
import numpy as np
import pytest
from PIL import Image

from bus.contract import envelope, topics
from bus.contract.messages import GENERATION_ENDINGS, type_of
from sharpstream.client import Client
from tests.e2e.receiver import Receiver
from tests.e2e.releases import MIGRATIONS, last_release, this_release
from tests.e2e.rolling import LIMIT_S, ORDER, Installation, installed
from tests.e2e.system import System

pytestmark = [pytest.mark.drill, pytest.mark.stack]
THREADS = 3
ENDINGS = {str(each.__struct_config__.tag) for each in GENERATION_ENDINGS}
ENOUGH = 4
"""Photos that must be accepted between two replacements."""


class Reading(System):
    """The installation as `System` reads it: Kafka and Postgres."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    @property
    def url(self) -> str:
        return self._installation.url

    @property
    def credentials(self) -> dict[str, Any]:
        owner = self._installation.owner()
        kafka = {
            "bootstrap_servers": owner["KAFKA_BOOTSTRAP_SERVERS"],
            "username": owner["KAFKA_USERNAME"],
            "password": owner["KAFKA_PASSWORD"],
        }
        return {"kafka": kafka, "database_url": owner["DATABASE_URL"]}


class Load:
    """Clients that never retry: what any of them is refused is a finding."""

    def __init__(self, url: str, admin: dict[str, str]) -> None:
        self._url, self._admin = url, admin
        self.accepted: list[str] = []
        self.failed: list[str] = []
        self._stage = 0
        self._signed_in: set[tuple[int, int]] = set()
        self._ended = threading.Event()
        self._more = threading.Condition()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(THREADS)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Return when the last request was answered."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def more(self, count: int = ENOUGH) -> None:
        """Return once so many photos more have been accepted, or a request has failed."""
        goal = len(self.accepted) + count
        self._stage += 1
        with self._more:
            assert self._more.wait_for(lambda: self.failed or len(self.accepted) >= goal, LIMIT_S), (
                "no progress"
            )
        assert not self.failed, self.failed

    def _run(self, number: int) -> None:
        key = {"X-API-Key": self._admin["api_key"]}
        with httpx.Client(base_url=f"{self._url}/api/v1", timeout=60) as client:
            turn = 0
            while not self._ended.is_set():
                turn += 1
                try:
                    self._turn(client, key, photo(number, turn), turn)
                except Exception as error:  # noqa: BLE001  (every kind of failure is a finding)
                    with self._more:
                        self.failed.append(repr(error))
                        self._more.notify_all()
                    return

    def _signs_in(self, client: httpx.Client) -> bool:
        """Return whether this client signs in now: once a stage, within 60 sign-ins in 10 minutes."""
        this = (id(client), self._stage)
        first = this not in self._signed_in
        self._signed_in.add(this)
        return first

    def _turn(self, client: httpx.Client, key: dict[str, str], image: bytes, turn: int) -> None:
        data = {"priority": "bulk" if turn % 2 else "interactive"}
        made = client.post("/scenes/generate", headers=key, files={"image": ("p.png", image)}, data=data)
        assert made.status_code == 202, (made.status_code, made.text)
        generation = made.json()["generation_id"]
        with self._more:
            self.accepted.append(generation)
            self._more.notify_all()
        for path in (f"/scenes/{generation}", "/scenes", "/events", "/models"):
            answer = client.get(path, headers=key)
            assert answer.status_code == 200, (path, answer.status_code, answer.text)
        if self._signs_in(client):
            login = {"email": self._admin["email"], "password": self._admin["password"]}
            signed = client.post("/users/login", json=login)
            assert signed.status_code == 200, signed.text
            renewed = client.post("/users/refresh", json={"refresh_token": signed.json()["refresh_token"]})
            assert renewed.status_code == 200, renewed.text
            bearer = {"Authorization": f"Bearer {renewed.json()['access_token']}"}
            assert client.get("/users/me", headers=bearer).status_code == 200
            out = client.post("/users/logout", json={"refresh_token": renewed.json()["refresh_token"]})
            assert out.status_code == 204, out.text


class Follower:
    """A program that follows the account's events with the client library, which comes back by itself."""

    def __init__(self, url: str, api_key: str) -> None:
        self.seen: Counter[str] = Counter()
        self.endings: Counter[str] = Counter()
        self._client = Client(url, api_key)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(Exception):  # the client is closed beneath it at the end
            for event in self._client.stream(after="0"):
                self.seen[event.id] += 1
                if event.type in {
                    type_of_class.__struct_config__.tag for type_of_class in GENERATION_ENDINGS
                }:
                    self.endings[str(event.data["generation_id"])] += 1


def photo(number: int, turn: int) -> bytes:
    """Return a small photo that no other turn sends."""
    pixels = np.random.default_rng((number, turn)).integers(0, 255, (64, 64, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


async def test_every_role_is_replaced_under_load(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="sharpstream-upgrade-", dir="/var/tmp") as name:
        folder = Path(name)
        os.chmod(name, 0o755)  # noqa: PTH101  (Postgres may run as another user)
        with last_release(folder) as old, installed(folder) as here, here.proxied() as authority:
            monkeypatch.setenv("SSL_CERT_FILE", str(authority))  # for every client of this process
            await upgrade(here, old, this_release(folder))


async def upgrade(here: Installation, old: Any, new: Any) -> None:
    here.migrate(old)
    admin_command = ("create-admin", "--email", "admin@example.com", "--api-key-name", "drill")
    admin = json.loads(old.run(here.owner(), "gateway", *admin_command))
    await asyncio.gather(*(asyncio.to_thread(here.start, role, old) for role in ORDER))
    key = {"X-API-Key": admin["api_key"]}
    with Receiver() as receiver, Load(here.url, admin) as load:
        hook = {"url": receiver.url, "events": ["generation.completed.v1"]}
        async with httpx.AsyncClient(timeout=60) as client:
            answer = await client.post(f"{here.url}/api/v1/webhooks", headers=key, json=hook)
        assert answer.status_code == 201, answer.text
        follower = Follower(here.url, admin["api_key"])
        await asyncio.to_thread(load.more)

        await asyncio.to_thread(here.migrate, new)
        await asyncio.to_thread(load.more)  # the last release on the new schema
        for role in ORDER:
            await asyncio.to_thread(here.replace, role, new)
            await asyncio.to_thread(load.more)
        # Back and forth again, writers first: what the new ones wrote, the old ones read.
        for role, build in (("inference", old), ("ledger", old), ("ledger", new), ("inference", new)):
            await asyncio.to_thread(here.replace, role, build)
            await asyncio.to_thread(load.more)
        await asyncio.to_thread(load.end)
        assert load.failed == []
        await until_all_ended(here, load, receiver, follower)
    await check(here, load.accepted, follower, receiver, (old, new))


async def until_all_ended(here: Installation, load: Load, receiver: Receiver, follower: Follower) -> None:
    """Wait until all photos have ended and all who listen have been reached."""
    reading, count = Reading(here), len(load.accepted)

    async def waiting() -> bool:
        unfinished = "SELECT count(*) FROM scene_generations WHERE status NOT IN ('completed', 'failed')"
        rows = await reading.fetch(unfinished) + await reading.fetch("SELECT count(*) FROM outbox")
        delivered = {json.loads(each.body)["id"] for each in receiver.received}
        return any(row[0] for row in rows) or len(follower.endings) < count or len(delivered) < count

    async with asyncio.timeout(LIMIT_S):
        while await waiting():  # noqa: ASYNC110  (the state of other processes)
            await asyncio.sleep(0.2)


async def check(
    here: Installation, accepted: list[str], follower: Follower, receiver: Receiver, builds: tuple[Any, Any]
) -> None:
    """Count what is in Kafka, in Postgres, at the follower and at the receiver."""
    reading = Reading(here)
    records = await reading.records(topics.EVENTS)
    decoded = [envelope.decode(topics.EVENTS, each.value, envelope.present(each.headers)) for each in records]
    ends = Counter(str(each.subject) for each in decoded if isinstance(each.message, GENERATION_ENDINGS))
    assert ends == Counter(accepted), "exactly one ending a photo, in Kafka itself"
    assert {type_of(e.message) for e in decoded if isinstance(e.message, GENERATION_ENDINGS)} == {
        "generation.completed.v1"
    }
    ids = Counter(each.id for each in decoded)
    in_log = await reading.fetch("SELECT event_id FROM event_log")
    assert Counter(str(row["event_id"]) for row in in_log) == ids
    assert set(ids.values()) == {1}
    assert (await reading.fetch("SELECT count(*) FROM parked_events"))[0][0] == 0
    assert (await reading.fetch("SELECT count(*) FROM dead_letters"))[0][0] == 0
    assert follower.endings == Counter(accepted)
    assert set(follower.seen.values()) == {1}
    delivered = {UUID(json.loads(each.body)["data"]["generation_id"]) for each in receiver.received}
    assert delivered == set(map(UUID, accepted))
    drilled = await reading.fetch("SELECT count(*) FROM event_log WHERE body ->> 'drilled' = 'true'")
    versions = Counter(
        dict(envelope.present(each.headers))["ce_type"].decode()
        for each in await reading.records(topics.PROGRESS)
    )
    assert 0 < drilled[0][0] < len(accepted), "both builds of the workers have ended photos"
    assert versions["generation.started.v1"] > 0
    assert versions["generation.started.v2"] > 0
    applied = {row["name"] for row in await reading.fetch("SELECT name FROM migrations")}
    assert applied >= set(MIGRATIONS)
    for build in builds:
        build.run(here.owner(), "ledger", "invariants")
        build.run(here.owner(), "ledger", "rebuild", "--compare")
