"""A gateway in this process, with the real Postgres and S3; Kafka is unreachable unless a test needs it."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from httpx import ASGITransport, AsyncClient, Response
from litestar import Litestar
from litestar.datastructures import State

from bus.runtime.settings import DatabaseSettings, KafkaSettings, S3Settings
from bus.sandbox.pool import Pool
from gateway.scenes import photo_reader
from gateway.scenes.photo_reader import PhotoReader
from gateway.settings import GatewaySettings, Settings, WebhookSettings
from photo.workers import CONFINEMENT, TASKS
from tests.gateway.applications import application

PASSWORD = "correct horse battery"
NO_KAFKA = KafkaSettings(bootstrap_servers="127.0.0.1:9", security_protocol="PLAINTEXT")


PHOTO_WORKERS = Pool(TASKS, CONFINEMENT, each=2)
"""For every test of this process: a worker takes 0.3 s to start, and most tests send no photo."""
atexit.register(PHOTO_WORKERS.kill)


@pytest.fixture(autouse=True)
def _shared_photo_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def opened(_threads: int, *, waited_for: bool = True) -> AsyncIterator[PhotoReader]:
        yield PhotoReader(PHOTO_WORKERS)

    monkeypatch.setattr(photo_reader, "opened", opened)


async def until(good: Callable[[], bool]) -> None:
    """Poll until the condition holds; the limit only turns a hang into a failure."""
    async with asyncio.timeout(30):
        while not good():  # noqa: ASYNC110  (what is watched has no event to wait for)
            await asyncio.sleep(0.01)


class Services:
    """The instances that handlers receive, as attributes with the names of `gateway.*.dependencies`."""

    def __init__(self, state: State) -> None:
        object.__setattr__(self, "_state", state)

    def __getattr__(self, name: str) -> Any:
        return self._state[name]

    def __setattr__(self, name: str, value: object) -> None:
        self._state[name] = value


class Api:
    """A client of one gateway, with the steps that many tests share."""

    def __init__(self, app: Litestar, client: AsyncClient) -> None:
        self.app, self.client = app, client

    @property
    def services(self) -> Services:
        """The instances that handlers receive."""
        return Services(self.app.state)

    async def person(self, email: str | None = None) -> dict[str, str]:
        """Register and sign in; return the header."""
        email = email or f"{uuid4().hex}@example.com"
        body = {"email": email, "password": PASSWORD, "first_name": "Ada", "last_name": "Lovelace"}
        assert (await self.client.post("/api/v1/users/register", json=body)).status_code == 201
        answer = await self.client.post("/api/v1/users/login", json={"email": email, "password": PASSWORD})
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def key(self, person: dict[str, str]) -> tuple[str, dict[str, str]]:
        """Make an API key; return its id and the header."""
        answer = await self.client.post("/api/v1/api-keys", json={"name": "test"}, headers=person)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"], {"X-API-Key": answer.json()["key"]}

    async def account_id(self, person: dict[str, str]) -> UUID:
        return UUID((await self.client.get("/api/v1/users/me", headers=person)).json()["id"])

    async def generate(self, headers: dict[str, str], photo: bytes, **form: str) -> Response:
        return await self.client.post(
            "/api/v1/scenes/generate", headers=headers, files={"image": ("photo.jpg", photo)}, data=form
        )

    async def sql(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        return await self.services.pool.fetch(statement, *arguments)


@pytest.fixture
def gateway_settings() -> GatewaySettings:
    return GatewaySettings(
        jwt_secret="a secret of the tests, long enough for HS256",
        api_key_pepper="a pepper of the tests, long enough as well",
        bcrypt_rounds=4,
        heartbeat_seconds=0.2,
    )


@pytest.fixture
def settings(gateway_settings: GatewaySettings, fresh_database: str, s3_settings: S3Settings) -> Settings:
    return Settings(
        gateway=gateway_settings,
        webhooks=WebhookSettings(
            key="a key of the tests that seals webhook secrets", loopback_ports="1-65535"
        ),
        kafka=NO_KAFKA,
        s3=s3_settings,
        database=DatabaseSettings(url=fresh_database, pool_size=4),
    )


@asynccontextmanager
async def started(app: Litestar) -> AsyncIterator[None]:
    """Run the lifespan in one task: pytest sets up and tears down in two, which cancel scopes forbid."""
    up, down = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            up.set()
            await down.wait()

    living, waiting = asyncio.create_task(live()), asyncio.create_task(up.wait())
    await asyncio.wait({living, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    try:
        if not living.done():
            yield
    finally:
        down.set()
        await living


@pytest.fixture
async def api(settings: Settings) -> AsyncIterator[Api]:
    """A client in the test's own event loop; Litestar's test client would start another one."""
    with application(settings) as app:
        transport = ASGITransport(app)
        async with started(app), AsyncClient(transport=transport, base_url="http://gateway") as client:
            yield Api(app, client)


@pytest.fixture
def assert_problem() -> Callable[[Response, int, str], dict[str, object]]:
    """Check that a response is a complete problem with this status and code; return its body."""

    def check(answer: Response, status: int, code: str) -> dict[str, object]:
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), (
            answer.text
        )
        body = answer.json()
        assert body["code"] == code, body
        assert body["status"] == status
        assert body["title"]
        assert body["message"] == body["detail"]
        assert body["correlation_id"] == answer.headers["x-correlation-id"]
        assert ("www-authenticate" in answer.headers) == (status == 401)
        return body

    return check


@pytest.fixture
async def key(api):
    _, headers = await api.key(await api.person())
    await api.sql("DELETE FROM outbox")
    return headers


async def stored_photos(api, s3_settings) -> set[str]:
    """Return the keys of all originals; tests share the bucket, so they compare before and after."""
    client = api.services.blobs._client
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=s3_settings.bucket, Prefix="originals/")
    return {item["Key"] async for page in pages for item in page.get("Contents", [])}


@pytest.fixture
async def streaming(settings, kafka_settings, unique):
    """A `tests.gateway.world.World` with its own topics and a producer, without a gateway yet."""
    from tests.gateway.world import World  # noqa: PLC0415  (it needs this file)

    events, progress = unique("events"), unique("progress")
    admin = AIOKafkaAdminClient(**kafka_settings.client_options())
    await admin.start()
    await admin.create_topics([NewTopic(events, 12, 1), NewTopic(progress, 12, 1)])
    async with AIOKafkaProducer(
        transactional_id=unique("test"), **kafka_settings.client_options()
    ) as producer:
        yield World(producer, events, progress)
    await admin.delete_topics([events, progress])
    await admin.close()


@pytest.fixture
async def world(streaming, settings, kafka_settings):
    """A `World` with an account and a gateway that listens on a port."""
    from tests.gateway.world import gateway  # noqa: PLC0415

    async with gateway(settings, kafka_settings, streaming) as (api, url):
        await streaming.begin(api, url)
        yield streaming
