"""Everything around the handlers: problems, headers, ids, health, metrics, documents."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from httpx import ASGITransport, AsyncClient
from jsonschema import Draft202012Validator
from litestar.enums import ScopeType
from litestar.routes import HTTPRoute
from structlog.testing import capture_logs

from gateway.app import create_app
from gateway.http.html import TAGLINE
from gateway.http.problems import PROBLEMS
from gateway.system.health_routes import VERSION
from tests.gateway.conftest import started


async def test_unknown_paths_and_methods_are_problems(api, assert_problem):
    for path in ("/nothing", "/api/v1/nothing", "/api/v2/scenes"):
        assert_problem(await api.client.get(path), 404, "not_found")
    answer = await api.client.put("/api/v1/users/login")
    assert_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer.headers["allow"]


async def test_an_unexpected_error_is_logged_in_full_and_hidden_from_the_client(
    api, assert_problem, monkeypatch
):
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret recipe")

    monkeypatch.setattr(type(api.services.scenes), "list", broken)
    _, key = await api.key(await api.person())
    with capture_logs() as logs:
        answer = await api.client.get("/api/v1/scenes", headers=key)
    body = assert_problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert body["correlation_id"]
    assert "secret recipe" in repr([line["exc_info"] for line in logs if line["event"] == "unexpected_error"])


async def test_an_unavailable_database_is_answered_with_503(api, assert_problem, monkeypatch):
    async def away(*_: object, **__: object) -> None:
        raise ConnectionRefusedError

    _, key = await api.key(await api.person())
    monkeypatch.setattr(type(api.services.scenes), "list", away)
    answer = await api.client.get("/api/v1/scenes", headers=key)
    assert_problem(answer, 503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "5"


async def test_correlation_ids(api):
    given = await api.client.get("/health/live", headers={"X-Correlation-ID": "order-4711:a.b_c"})
    assert given.headers["x-correlation-id"] == "order-4711:a.b_c"
    assert re.fullmatch("[0-9a-f]{32}", given.headers["x-request-id"])
    problem = await api.client.get("/api/v1/scenes", headers={"X-Correlation-ID": "order-4711"})
    assert problem.json()["correlation_id"] == problem.headers["x-request-id"]
    for bad in ("", "a b", "x" * 129, "é".encode("latin-1"), "a;b"):
        answer = await api.client.get("/health/live", headers={"X-Correlation-ID": bad})
        assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-correlation-id"])


async def test_security_headers_are_on_everything(api):
    for path in ("/", "/docs", "/api/v1/models", "/nothing", "/api/v1/scenes"):
        headers = (await api.client.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


async def test_cors_is_only_for_the_configured_origins(settings):
    origin = "https://app.example.com"
    own = settings.gateway.model_copy(update={"cors_origins": [origin]})
    app = create_app(replace(settings, gateway=own))
    async with started(app), AsyncClient(transport=ASGITransport(app), base_url="http://g") as client:
        preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-API-Key"}
        for who, allowed in ((origin, True), ("https://evil.example.com", False)):
            answer = await client.options("/api/v1/scenes/generate", headers=preflight | {"Origin": who})
            assert (answer.headers.get("access-control-allow-origin") == who) is allowed
        answer = await client.get("/api/v1/scenes", headers={"Origin": origin})
        assert answer.status_code == 401  # the page can read problems too
        assert answer.headers["access-control-allow-origin"] == origin


async def test_health(api, monkeypatch):
    assert (await api.client.get("/health/live")).json() == {"status": "live", "version": VERSION}
    ready = await api.client.get("/health/ready")
    assert ready.status_code == 200  # although Kafka is unavailable
    assert ready.json() | {"kafka": ""} == {"status": "ready", "postgres": "ok", "s3": "ok", "kafka": ""}
    assert ready.json()["kafka"] in {"connecting", "unreachable"}
    monkeypatch.setattr(api.services.blobs._settings, "bucket", "no-such-bucket")
    unready = await api.client.get("/health/ready")
    assert (unready.status_code, unready.json()["s3"]) == (503, "unreachable")


async def test_metrics_name_routes_not_paths(api):
    _, key = await api.key(await api.person())
    missing = "0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47"
    await api.client.get(f"/api/v1/scenes/{missing}", headers=key)
    await api.client.get("/wp-login.php")
    assert (await api.client.get("/metrics")).status_code == 404  # on the health port alone
    text = api.services.metrics.render().decode()
    route = 'route="/api/v1/scenes/{generation_id}",status="404"'
    assert f'sharpstream_http_request_seconds_count{{method="GET",{route}}} 1.0' in text
    assert 'route="unmatched",status="404"' in text
    assert 'sharpstream_http_problems_total{code="not_found"} 3.0' in text
    assert missing not in text
    assert "wp-login" not in text


async def test_one_log_line_per_request_without_secrets(api):
    person = await api.person()
    account = await api.account_id(person)
    _, key = await api.key(person)
    with capture_logs() as logs:
        await api.client.get("/api/v1/scenes?secret=1", headers=key | {"X-Correlation-ID": "c1"})
    (line,) = [line for line in logs if line["event"] == "request"]
    assert line.items() >= {
        "method": "GET", "route": "/api/v1/scenes", "status": 200, "account_id": str(account), "code": None,
    }.items()  # fmt: skip
    assert line["ms"] > 0
    assert "secret" not in repr(logs)
    assert key["X-API-Key"] not in repr(logs)


async def test_usage_by_day_and_kind(api, assert_problem):
    person = await api.person()
    account = await api.account_id(person)
    _, key = await api.key(person)
    _, eve = await api.key(await api.person())
    for day, kind in (
        (1, "scene_generate"),
        (1, "scene_generate"),
        (1, "api_key_created"),
        (3, "scene_generate"),
    ):
        await api.sql(
            "INSERT INTO usage_logs (id, event_id, user_id, event_type, details, created_at)"
            " VALUES (gen_random_uuid(), gen_random_uuid(), $1, $2, '{}', $3)",
            account, kind, datetime(2026, 1, day, 23, 59, tzinfo=UTC),
        )  # fmt: skip
    span = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T00:00:00Z"}
    answer = (await api.client.get("/api/v1/usage", headers=key, params=span)).json()
    assert answer == span | {
        "totals": [
            {"day": "2026-01-01", "event_type": "api_key_created", "count": 1, "api_key_id": None},
            {"day": "2026-01-01", "event_type": "scene_generate", "count": 2, "api_key_id": None},
        ],
    }
    assert (await api.client.get("/api/v1/usage", headers=eve, params=span)).json()["totals"] == []
    assert (await api.client.get("/api/v1/usage", headers=key)).status_code == 200
    for wrong in ({"from": span["to"], "to": span["from"]}, {"from": "2020-01-01T00:00:00Z"}):
        assert_problem(await api.client.get("/api/v1/usage", headers=key, params=wrong), 422, "range_invalid")


async def test_models_and_their_licences(api):
    models = (await api.client.get("/api/v1/models")).json()
    assert [(model["name"], model["commercial_use"], model["running"]) for model in models] == [
        ("card", True, False),
        ("layered/bundled", True, True),
        ("layered/moge2-s", True, False),
        ("layered/moge2-b", True, False),
        ("layered/moge2-l", True, False),
        ("sharp", False, False),
    ]
    sharp = models[-1]
    assert "research only" in sharp["licence"]
    assert sharp["parameters"] * 4 == sharp["weights_bytes"]
    assert all("MIT" in model["licence"] for model in models if "moge2" in model["name"])


class Links(HTMLParser):
    """Collects every address that a page would fetch or link to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.found += [value for name, value in attrs if name in {"href", "src", "action"}]


async def test_pages_request_nothing_from_other_origins(api):
    for path in ("/", "/docs", "/docs/plain"):
        page = await api.client.get(path)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert TAGLINE in page.text
        links = Links()
        links.feed(page.text)
        assert not links.tags & {"script", "link", "img", "iframe", "object"}
        for link in links.found:
            assert link.startswith("/"), link
            assert (await api.client.get(link)).status_code == 200


@pytest.fixture
async def document(api):
    answer = await api.client.get("/docs/openapi.json")
    assert answer.status_code == 200
    return json.loads(answer.text)


async def test_openapi_names_every_route_and_nothing_else(api, document):
    routes = {
        (method.lower(), route.path_format)
        for route in api.app.routes
        if isinstance(route, HTTPRoute) and route.scope_type == ScopeType.HTTP
        for method, (handler, _) in route.route_handler_map.items()
        if method != "OPTIONS" and handler.resolve_include_in_schema()
    }
    documented = {(method, path) for path, item in document["paths"].items() for method in item}
    assert documented == routes
    assert {path for _, path in documented} >= {
        "/api/v1/scenes/generate",
        "/api/v1/scenes/{generation_id}/events",
    }


async def test_openapi_is_valid_and_complete(document):
    assert document["openapi"].startswith("3.1")
    operations = [(p, m, o) for p, item in document["paths"].items() for m, o in item.items()]
    ids = [operation["operationId"] for _, _, operation in operations]
    assert len(set(ids)) == len(ids)
    schemes = set(document["components"]["securitySchemes"])
    assert schemes == {"bearer", "api_key"}
    for path, method, operation in operations:
        where = f"{method} {path}"
        assert operation["summary"], where
        assert operation["description"], where
        assert {name for item in operation.get("security", []) for name in item} <= schemes
        open_to_all = not path.startswith("/api/v1/") or path.endswith(
            (
                "/register",
                "/login",
                "/refresh",
                "/logout",
                "/users/password-reset",
                "/users/password-reset/mail",
                "/users/sign-in-options",
                "/users/email",
                "/archives/{ticket}",
                "/shared-albums/{token}",
                "/shared-albums/{token}/archive",
                "/shared-albums/{token}/scenes/{position}",
                "/models",
                "/export-formats",
                "/shared/{token}",
                "/asyncapi/partners",
            )
        )
        assert (operation["security"] == [{}]) is open_to_all, where
        assert set(re.findall(r"{(\w+)}", path)) == {
            parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"
        }, where
    for reference in re.findall(r'"\$ref": ?"([^"]+)"', json.dumps(document)):
        target = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
    for name, schema in document["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema["title"] == name


async def test_openapi_documents_the_error_codes_with_their_status(document):
    documented = set()
    for item in document["paths"].values():
        for operation in item.values():
            for status, answer in operation["responses"].items():
                if status < "400" or "application/problem+json" not in answer.get("content", {}):
                    assert status < "400" or operation["operationId"] == "ready", (operation, status)
                    continue
                for code in answer["content"]["application/problem+json"]["examples"]:
                    documented.add(code)
                    assert str(PROBLEMS[code][0]) == status
    # Codes that any address may return are not repeated for each, except those of 503 and 500.
    unsaid = {"method_not_allowed", "client_gone"}
    unsaid |= {"headers_too_large", "request_too_slow", "too_many_connections"}  # before there is a request
    assert PROBLEMS.keys() - documented == unsaid


async def test_the_upload_form_is_described(document):
    body = document["paths"]["/api/v1/scenes/generate"]["post"]["requestBody"]
    form = body["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["image"]
    option_names = {
        "metadata", "focal_length_px", "focal_length_mm", "priority", "webhook_url", "delete_after_hours",
    }  # fmt: skip
    assert set(form["properties"]) == {"image"} | option_names
    elsewhere = body["content"]["application/json"]["schema"]
    assert set(elsewhere["properties"]) == {"image_url", "upload_id"} | option_names
    answer = document["paths"]["/api/v1/scenes/{generation_id}/events"]["get"]["responses"]["200"]
    assert "text/event-stream" in answer["content"]
