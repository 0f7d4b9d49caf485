"""Secrets and personal data of clients are not logged: passwords, keys, tokens, addresses, names."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bus.runtime import logs
from tests.gateway.conftest import PASSWORD

WRONG = "a wrong pass-phrase 7f3a"
EMAIL = "grace.hopper@navy.example"
PHOTO_URL = "https://photographer:darkroom9@photos.example/p.jpg?X-Amz-Signature=c0ffee11"
HOOK_URL = "https://hooks.example/in?token=tok-5a5a5a5a"
FORGED = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJmb3JnZWQifQ.c2lnbmVkLWJ5LW5vYm9keQ"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """The log output of a gateway at level DEBUG."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    logs.configure("gateway", "DEBUG")
    # Otherwise every module's logger would keep this configuration for all later tests.
    structlog.configure(cache_logger_on_first_use=False)
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream := io.StringIO())
    yield stream
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


async def test_secrets_and_personal_data_are_not_logged(logged, api, monkeypatch):
    client = api.client
    body = {"email": EMAIL, "password": PASSWORD, "first_name": "Gracious", "last_name": "Hopperton"}
    assert (await client.post("/api/v1/users/register", json=body)).status_code == 201
    assert (await client.post("/api/v1/users/register", json=body)).status_code == 409
    for password in (WRONG, PASSWORD):
        answer = await client.post("/api/v1/users/login", json={"email": EMAIL, "password": password})
    tokens = answer.json()
    person = {"Authorization": f"Bearer {tokens['access_token']}"}
    made = (await client.post("/api/v1/api-keys", json={"name": "farm"}, headers=person)).json()
    key = {"X-API-Key": made["key"]}
    forged_key = made["key"][:-4] + "aaaa"
    statuses = {
        "by url": await client.post(
            "/api/v1/scenes/generate",
            json={"image_url": PHOTO_URL, "webhook_url": HOOK_URL},
            headers=key,
        ),
        "query": await client.get(f"/api/v1/scenes?note=q-{WRONG}", headers=key),
        "path": await client.get(f"/api/v1/scenes/{EMAIL}", headers=key),
        "hook": await client.post("/api/v1/webhooks", json={"url": HOOK_URL, "events": ["*"]}, headers=key),
        "forged token": await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {FORGED}"}),
        "forged key": await client.get("/api/v1/scenes", headers={"X-API-Key": forged_key}),
    }
    monkeypatch.setattr(api.services.accounts, "_pool", Broken())
    await client.post("/api/v1/users/login", json={"email": EMAIL, "password": PASSWORD})

    out = logged.getvalue()
    lines = [json.loads(line) for line in out.splitlines()]
    assert sum(line["event"] == "request" for line in lines) == 6 + len(statuses)
    assert any(line["event"] == "unexpected_error" for line in lines), "the traceback was looked at too"
    secrets = [
        PASSWORD, WRONG, EMAIL, "Gracious", "Hopperton", "darkroom9", "photographer", "c0ffee11",
        "tok-5a5a5a5a", made["key"], forged_key, FORGED, *tokens.values(), "127.0.0.1:123",
    ]  # fmt: skip
    found = {s for s in secrets if isinstance(s, str) and len(s) > 6 and s in out}
    assert not found


async def test_each_request_line_has_its_correlation_id_and_account(logged, api):
    person = await api.person()
    account = await api.account_id(person)
    answer = await api.client.get("/api/v1/users/me", headers=person | {"X-Correlation-ID": "mine-1"})
    line = json.loads(logged.getvalue().splitlines()[-1])
    assert line.keys() >= {"timestamp", "level", "role", "route", "status", "ms"}
    ours = answer.headers["x-request-id"]
    assert (line["event"], line["correlation_id"], line["account_id"]) == ("request", ours, str(account))
    assert line["given_correlation"] == api.services.api_keys.correlation("mine-1")
    assert "mine-1" not in logged.getvalue()


class Broken:
    """A pool whose errors quote their arguments, as those of Postgres do."""

    def __getattr__(self, _: str):
        def fail(*arguments: object):
            raise RuntimeError(f"Key (lower(email))=({arguments}) is what it is about")

        return fail
