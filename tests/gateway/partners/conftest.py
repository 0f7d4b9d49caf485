"""A gateway that reaches the real Kafka, with an admin, and partners made through the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer
from httpx import ASGITransport, AsyncClient

from bus.bridges.relay import Relay
from bus.contract import topics
from bus.contract.blob_ref import BlobRef
from bus.contract.envelope import record
from bus.contract.messages import GenerationCompleted, ModelRun, Timings
from bus.kafka import admin
from gateway.partners import lifecycle
from gateway.partners.app import bridges
from gateway.partners.intake import opened
from gateway.scenes.prepare import Preparer
from gateway.settings import PartnerBridgeSettings, PartnerSettings, Settings
from tests.gateway.applications import application
from tests.gateway.conftest import Api, started
from tests.gateway.partners.outside import Outside

RESULT = BlobRef(key="splats/x", sha256="0" * 64, bytes=1, media_type="application/octet-stream")


class Desk:
    """An admin's client of the partners API."""

    def __init__(self, api: Api, admin: dict[str, str], settings: Settings) -> None:
        self.api, self.headers, self.settings = api, admin, settings

    async def post(self, path: str, body: object = None) -> Any:
        return await self.api.client.post(f"/api/v1/partners{path}", headers=self.headers, json=body)

    async def get(self, path: str) -> dict[str, Any]:
        answer = await self.api.client.get(f"/api/v1/partners{path}", headers=self.headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def delete(self, partner_id: str) -> None:
        answer = await self.api.client.delete(f"/api/v1/partners/{partner_id}", headers=self.headers)
        assert answer.status_code == 204, answer.text

    async def opened(self, slug: str, **body: object) -> tuple[dict[str, Any], Outside]:
        """Create a partner; return the response and a client with its credentials."""
        account = {"email": f"{slug}@example.com", "password": "correct horse battery"}
        answer = await self.post("", {"slug": slug} | (body or {"account": account}))
        assert answer.status_code == 201, answer.text
        created = answer.json()
        return created, outside(created)


def outside(created: dict[str, Any]) -> Outside:
    """Return a partner's client that knows only what the response contains."""
    kafka = created["kafka"]
    assert (kafka["security_protocol"], kafka["sasl_mechanism"]) == ("SASL_PLAINTEXT", "SCRAM-SHA-512")
    return Outside(created["slug"], kafka["bootstrap_servers"], kafka["username"], kafka["password"])


@pytest.fixture
def settings(settings: Settings, kafka_settings, infra) -> Settings:
    """Settings with a reachable Kafka, unlike in the other tests of the gateway."""
    partners = PartnerSettings(bootstrap_servers=infra.partners_bootstrap, remove_after_seconds=0)
    return replace(settings, kafka=kafka_settings, partners=partners)


@pytest.fixture
async def desk(settings: Settings, monkeypatch) -> AsyncIterator[Desk]:
    # The lifecycle job runs only when a test calls it.
    monkeypatch.setattr(lifecycle, "POLL_INTERVAL_S", 3600)
    with application(settings) as app:
        async with (
            started(app),
            AsyncClient(transport=ASGITransport(app), base_url="http://gateway") as client,
        ):
            api = Api(app, client)
            admin = await api.person("admin@example.com")
            await api.sql("UPDATE users SET role = 'admin' WHERE email = 'admin@example.com'")
            desk = Desk(api, admin, settings)
            yield desk
            for row in await api.sql("SELECT id FROM partners WHERE deleted_at IS NULL"):
                await desk.delete(str(row["id"]))


class Gpu:
    """Completes jobs as the inference role does, by an event in a transaction."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def complete(self, account_id: UUID, generation_id: UUID) -> None:
        event = GenerationCompleted(
            generation_id=generation_id, account_id=account_id, result=RESULT, gaussian_count=1,
            image_width=1, image_height=1, focal_length_px=1, input_sha256="0" * 64, timings=Timings(),
            model=ModelRun(
                name="card", version="1", weights_sha256=None, dtype="float32", device="cpu", batch_size=1
            ),
        )  # fmt: skip
        out = record(topics.EVENTS, event, key=account_id, source="/sharpstream/inference")
        async with self._producer.transaction():
            await self._producer.send_and_wait(out.topic, key=out.key, value=out.value, headers=out.headers)


@pytest.fixture
async def gpu(kafka_settings, unique) -> AsyncIterator[Gpu]:
    async with AIOKafkaProducer(
        transactional_id=unique("gpu"), **kafka_settings.client_options()
    ) as producer:
        yield Gpu(producer)


@pytest.fixture
async def bridged(desk: Desk, settings: Settings, kafka_settings, unique) -> AsyncIterator[Desk]:
    """The desk with relay and bridges running, which read only this test's partners."""
    await admin.create_topics(kafka_settings)
    own = PartnerBridgeSettings(
        group=unique("partners"), instance_id=unique("one"), discover_seconds=0.2, wait_seconds=0
    )
    pool = desk.api.services.pool
    relay = Relay(kafka_settings, settings.database.url.get_secret_value(), name=unique("relay"))
    async with opened(pool, settings.s3, own) as dependencies:
        both = bridges(kafka_settings, own, pool, Preparer(dependencies), pattern=pattern(unique))
        running = [asyncio.create_task(relay.run()), asyncio.create_task(both.run())]
        try:
            desk.dependencies, desk.bridges = dependencies, both
            yield desk
        finally:
            await asyncio.gather(relay.stop(), both.stop())
            await asyncio.gather(*running)


def pattern(unique: Callable[[str], str]) -> str:
    """Return the pattern of the command topics of this test's partners."""
    return rf"^partner\.[a-z]+{unique('')}\.commands\.v1$"
