"""A gateway that reaches the real Kafka, with an admin, and partners made through the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from gateway.app import create_app
from gateway.partners import lifecycle
from gateway.settings import PartnerSettings, Settings
from tests.gateway.conftest import Api, started
from tests.gateway.partners.outside import Outside


class Desk:
    """An admin at the API."""

    def __init__(self, api: Api, admin: dict[str, str]) -> None:
        self.api, self.headers = api, admin

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
        """Make a partner with an account of its own; the answer, and its program."""
        account = {"email": f"{slug}@example.com", "password": "correct horse battery"}
        answer = await self.post("", {"slug": slug} | (body or {"account": account}))
        assert answer.status_code == 201, answer.text
        told = answer.json()
        return told, outside(told)


def outside(told: dict[str, Any]) -> Outside:
    """The program of a partner that knows nothing but what the answer says."""
    kafka = told["kafka"]
    assert (kafka["security_protocol"], kafka["sasl_mechanism"]) == ("SASL_PLAINTEXT", "SCRAM-SHA-512")
    return Outside(told["slug"], kafka["bootstrap_servers"], kafka["username"], kafka["password"])


@pytest.fixture
def settings(settings: Settings, kafka_settings, infra) -> Settings:
    """Unlike elsewhere, Kafka is there."""
    partners = PartnerSettings(bootstrap_servers=infra.partners_bootstrap, remove_after_seconds=0)
    return replace(settings, kafka=kafka_settings, partners=partners)


@pytest.fixture
async def desk(settings: Settings, monkeypatch) -> AsyncIterator[Desk]:
    # The job looks when a test says so.
    monkeypatch.setattr(lifecycle, "LOOK_EVERY_S", 3600)
    app = create_app(settings)
    async with (
        started(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://gateway") as client,
    ):
        api = Api(app, client)
        admin = await api.person("admin@example.com")
        await api.sql("UPDATE users SET role = 'admin' WHERE email = 'admin@example.com'")
        desk = Desk(api, admin)
        yield desk
        for row in await api.sql("SELECT id FROM partners WHERE deleted_at IS NULL"):
            await desk.delete(str(row["id"]))
