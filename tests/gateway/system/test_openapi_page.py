"""The API's interactive page: scripts of others in a sandbox, and one address that answers their calls."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from httpx import ASGITransport, AsyncClient
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.http.try_it import TryTokens
from gateway.settings import GatewaySettings
from gateway.system import openapi_page
from tests.gateway.conftest import started
from tests.gateway.system.test_health import Links

DAY_S = 86_400
NULL = {"Origin": "null"}
PREFLIGHT = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}


@pytest.fixture
def built(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>")
    for name in openapi_page.FILES:
        (tmp_path / "docs" / name).write_text(f"/* {name} */")
    return tmp_path


@pytest.fixture
def gateway_settings(gateway_settings: GatewaySettings, built: Path) -> GatewaySettings:
    return gateway_settings.model_copy(update={"page": built})


async def listener(api) -> str:
    """The address that the page of today may call."""
    return re.search(r'data-door="(/docs/try/[0-9a-f]{32})"', (await api.client.get("/docs")).text)[1]


async def test_the_page_runs_its_scripts_in_a_sandbox(api):
    page = await api.client.get("/docs")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy.pop("sandbox").split() == ["allow-scripts", "allow-forms"]
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "data:",
        "connect-src": "'self'",
        "form-action": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["cross-origin-resource-policy"] == "same-site"
    assert "access-control-allow-origin" not in page.headers
    links = Links()
    links.feed(page.text)
    assert "/docs/plain" in links.found
    for link in links.found:
        assert link.startswith("/docs/") or link == "/llms.txt", link
        assert (await api.client.get(link)).status_code == 200, link
    assert re.findall(r"<script[^>]*>[^<]", page.text) == []
    assert 'id="rate_limited"' in page.text  # where the type of a problem leads to


async def test_only_the_pages_files_may_be_used_by_a_page_without_an_origin(api, assert_problem):
    for name in openapi_page.FILES:
        answer = await api.client.get(f"/docs/assets/{name}")
        assert answer.text == f"/* {name} */"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert_problem(await api.client.get("/docs/assets/index.html"), 404, "not_found")
    for path in ("/", "/docs/plain", "/docs/openapi.json", "/api/v1/models"):
        headers = (await api.client.get(path, headers=NULL)).headers
        assert headers["cross-origin-resource-policy"] == "same-site"
        assert "access-control-allow-origin" not in headers, path


async def test_the_plain_page_has_no_script(api):
    page = await api.client.get("/docs/plain")
    assert "<script" not in page.text
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "sandbox" not in page.headers["content-security-policy"]


async def test_calls_are_answered_under_the_token_of_the_page(api):
    base = await listener(api)
    _, key = await api.key(await api.person())
    for path in (
        "/api/v1/scenes?limit=1",
        "/api/v1/models",
        "/health/live",
        "/docs/openapi.json",
    ):
        answer = await api.client.get(base + path, headers=NULL | key)
        assert answer.status_code == 200, path
        assert answer.headers["access-control-allow-origin"] == "null"
        assert "access-control-allow-credentials" not in answer.headers
        assert "Origin" in answer.headers["vary"]
    refused = await api.client.get(f"{base}/api/v1/scenes", headers=NULL)
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "null")
    asked = await api.client.options(f"{base}/api/v1/scenes", headers=NULL | PREFLIGHT)
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == "null"
    assert "X-API-Key" in asked.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in asked.headers


async def test_nothing_is_answered_under_another_token_or_to_another_origin(api, assert_problem):
    base = await listener(api)
    for path, headers in (
        (f"/docs/try/{'0' * 32}/api/v1/models", NULL),
        ("/docs/try/none/api/v1/models", NULL),
        (f"{base}/api/v1/models", {}),
        (f"{base}/api/v1/models", {"Origin": "https://evil.example.com"}),
        (f"{base}/docs/plain", NULL),
        (f"{base}/scenes", NULL),
    ):
        for answer in (
            await api.client.get(path, headers=headers),
            await api.client.options(path, headers=headers | PREFLIGHT),
        ):
            assert_problem(answer, 404, "not_found")
            assert "access-control-allow-origin" not in answer.headers, path
    for path in ("/api/v1/models", "/api/v1/scenes"):
        answer = await api.client.options(path, headers=NULL | PREFLIGHT)
        assert "access-control-allow-origin" not in answer.headers


async def test_origins_that_were_named_change_nothing_below_the_token(settings):
    app = create_app(replace(settings, gateway=settings.gateway.model_copy(update={"cors_origins": ["*"]})))
    async with started(app), AsyncClient(transport=ASGITransport(app), base_url="http://g") as client:
        base = f"/docs/try/{app.state['try_tokens'].current()}"
        answer = await client.get(f"{base}/api/v1/models", headers=NULL)
        assert answer.headers.get_list("access-control-allow-origin") == ["null"]


async def test_neither_logs_nor_metrics_have_the_token(api):
    base = await listener(api)
    with capture_logs() as logs:
        await api.client.get(f"{base}/api/v1/models", headers=NULL)
        await api.client.get(f"{base}/api/v1/models")
        await api.client.options(f"{base}/api/v1/models", headers=NULL | PREFLIGHT)
    routes = [line["route"] for line in logs if line["event"] == "request"]
    assert routes == ["/api/v1/models", "unmatched", "/docs/try"]
    token = base.rpartition("/")[2]
    assert token not in repr(logs)
    assert token not in api.services.metrics.render().decode()


def test_a_token_is_good_for_its_day_and_the_next():
    now = [10.5 * DAY_S]
    old, new = "the secret until now", "the secret from now on"
    tokens = TryTokens([old], lambda: now[0])
    made = tokens.current()
    assert tokens.knows(made)
    assert TryTokens([new, old], lambda: now[0]).knows(made)
    assert not TryTokens([new], lambda: now[0]).knows(made)
    now[0] = 11.9 * DAY_S
    assert tokens.knows(made)
    assert tokens.current() != made
    for now[0] in (12 * DAY_S, 9.9 * DAY_S):
        assert not tokens.knows(made)
