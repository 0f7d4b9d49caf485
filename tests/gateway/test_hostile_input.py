"""No text, number, time or body makes any route answer 500: it is taken, or refused with a code.

The cases come from the routes: each field of each body, each query parameter, each text in a path.

| class | members | source |
|---|---|---|
| Postgres refuses a text | U+0000, lone surrogates | text and jsonb hold no U+0000 |
| a value overflows on its way | integers, exponents, times near the years 1 and 9999 | asyncpg, timedelta |
| a body is no JSON | bytes that are no UTF-8, a byte order mark, deep nesting, nothing | decoders |
"""

from __future__ import annotations

import itertools
import types
import typing
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID, uuid4

import msgspec
import pytest
from litestar.routes import HTTPRoute

from gateway.accounts.rate_limits import Policy
from tests.gateway.conftest import PASSWORD

RAW = [
    b"",
    b"null",
    b"{",
    b"\xff\xfe",
    b'{"a": "\xff"}',
    b"\xef\xbb\xbf{}",
    b"[" * 30_000,
    b'{"a":' * 10_000,
    b"\0",
]
HEADERS = ("Idempotency-Key", "Prefer", "Last-Event-ID", "X-Correlation-ID", "traceparent", "User-Agent")
VALUES = (b"\xff\xfe", b"x" * 5000, b"wait=1e999", b"wait=-1", b"1-99999999999999999999-1", b"\x01")
FILE_NAMES = (b'filename="\xff\0"', b"filename*=utf-8''%00", b'filename="=?utf-8?B?AA?="', b"filename*=x")
TEXTS = ['"a\\u0000b"', '"\\ud800"', '"\\u202e\\u200b"', f'"{"x" * 3000}"', '"\\ufffe\\udbff\\udfff"']
NUMBERS = ["-1", "9223372036854775808", "1e308", "1e400", "1.5", "-0", "1" * 400, "NaN"]
TIMES = ['"9999-12-31T23:59:59-14:00"', '"0001-01-01T00:00:00+14:00"', '"2026-13-45T00:00:00Z"']
QUERIES = ["a\0b", "\ud800", "9" * 30, "-1", "1e9", *(each.strip('"') for each in TIMES), "\u202e", "%", ""]
SAMPLES: dict[str, Any] = {
    "email": "someone@example.com",
    "password": PASSWORD,
    "current_password": "not the current one",
    "url": "http://127.0.0.1:9/hook",
    "events": ["*"],
    "slug": "a-slug",
    "format": "ply",
    "media_type": "image/png",
    "scopes": [],
    "options": {},
}


def sample(name: str, kind: Any) -> Any:
    """Return a valid value of a field, so that the hostile field beside it reaches as far as it can."""
    if name in SAMPLES:
        return SAMPLES[name]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return sample(name, inner[0])
    if origin is Literal:
        return inner[0]
    if origin in {typing.Union, types.UnionType}:
        return sample(name, next(each for each in inner if each is not type(None)))
    if origin in {list, dict} or kind in {list, dict}:
        return origin() if origin else kind()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return {field.encode_name: sample(field.name, field.type) for field in msgspec.structs.fields(kind)}
    return {str: "a text", int: 1, float: 1.0, bool: False, UUID: str(uuid4())}.get(
        kind, "2030-01-01T00:00:00Z" if kind is datetime else None
    )


def with_values(body: dict[str, Any]) -> typing.Iterator[bytes]:
    """Yield the body with each of its fields, also nested ones, replaced by each hostile value."""
    for name, value in body.items():
        rest = msgspec.json.encode({key: each for key, each in body.items() if key != name})[1:]
        head = b"{" + msgspec.json.encode(name) + b":"
        for hostile in (*TEXTS, *NUMBERS, *TIMES, "[" * 200 + "]" * 200):
            yield head + hostile.encode() + (b"," + rest if rest != b"}" else b"}")
        if isinstance(value, dict):
            for nested in with_values(value):
                yield head + nested + (b"," + rest if rest != b"}" else b"}")
        if isinstance(value, list):
            for hostile in TEXTS:
                yield head + f"[{hostile}]".encode() + (b"," + rest if rest != b"}" else b"}")


def handlers(app):
    return [
        (handler, method, route)
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        if handler.fn.__module__.startswith("gateway.")
        for method in handler.http_methods
        if method != "HEAD"
    ]


def path_of(route, texts: str = "x" * 43) -> str:
    path = route.path_format
    for name, parameter in route.path_parameters.items():
        path = path.replace(f"{{{name}}}", str(uuid4()) if parameter.type is UUID else texts)
    return path


@pytest.fixture
async def ask(api, monkeypatch):
    """Send a request as an admin, and fail for an answer that is no problem with a code."""
    person = await api.person("admin@example.com")
    await api.sql("UPDATE users SET role = 'admin'")

    async def allow(*_: object, **__: object):
        return allowance

    allowance = await api.services.limits.take(Policy(name="any", quota=9, per_s=9), "all")
    monkeypatch.setattr(api.services.limits, "take", allow)
    wrong: list[tuple[object, ...]] = []

    async def send(method: str, path: str, **more: Any) -> None:
        headers = person | {"Accept": "application/json"} | more.pop("headers", {})
        answer = await api.client.request(method, path, headers=headers, **more)
        kind = answer.headers.get("content-type", "")
        if answer.status_code >= 500 or (answer.status_code >= 400 and "problem" not in kind):
            wrong.append((method, path, answer.status_code, {k: str(v)[:90] for k, v in more.items()}))

    yield send
    assert wrong == []


async def test_every_field_of_every_body(api, ask) -> None:
    bodies = [
        (method, path_of(route), handler.parsed_data_field.annotation)
        for handler, method, route in handlers(api.app)
        if handler.parsed_data_field is not None and handler.operation_id != "logout"
    ]
    assert len(bodies) >= 15
    for method, path, kind in bodies:
        for content in itertools.chain(RAW, with_values(sample("", kind))):
            await ask(method, path, content=content, headers={"Content-Type": "application/json"})


async def test_every_query_parameter_and_text_in_a_path(api, ask) -> None:
    asked = 0
    for handler, method, route in handlers(api.app):
        names = {
            field.kwarg_definition.query or name
            for name, field in handler.parsed_fn_signature.parameters.items()
            if getattr(field.kwarg_definition, "query", None) is not None
            or type(field.kwarg_definition).__name__ == "QueryParameter"
        }
        for name, value in itertools.product(sorted(names), QUERIES):
            asked += 1
            encoded = quote(value.encode("utf-8", "surrogatepass"))
            await ask(method, f"{path_of(route)}?{name}={encoded}")
        if "str" in str([each.type for each in route.path_parameters.values()]):
            for value in QUERIES[:3]:
                encoded = quote(value.encode("utf-8", "surrogatepass"), safe="")
                await ask(method, path_of(route, encoded))
    assert asked >= 100


async def test_hostile_headers(api, ask) -> None:
    for name, value in itertools.product(HEADERS, VALUES):
        await ask("GET", "/api/v1/events?limit=1", headers={name: value})
        await ask("POST", "/api/v1/scenes/generate", headers={name: value}, files={"image": b""})


async def test_hostile_forms(api, ask) -> None:
    for field in ("metadata", "priority", "focal_length_px", "webhook_url"):
        for value in (
            "a\0b",
            '{"a": "\\u0000"}',
            '{"a": "\\ud800"}',
            "[" * 5000,
            "1e400",
            "nan",
            "http://\0/",
        ):
            await ask("POST", "/api/v1/scenes/generate", files={"image": b"x"}, data={field: value})
    for file_name in FILE_NAMES:
        body = b"--b\r\nContent-Disposition: form-data; name=image; " + file_name + b"\r\n\r\nx\r\n--b--\r\n"
        kind = {"Content-Type": "multipart/form-data; boundary=b"}
        await ask("POST", "/api/v1/scenes/generate", content=body, headers=kind)
    for content, kind in ((b"", "b"), (b"--b", "b"), (b"--\xff\r\n", "\u00ff".encode().decode("latin-1"))):
        headers = {"Content-Type": f"multipart/form-data; boundary={kind}".encode("latin-1")}
        await ask("POST", "/api/v1/scenes/generate", content=content, headers=headers)
    for content in RAW:
        await ask(
            "POST", "/api/v1/scenes/generate", content=content, headers={"Content-Type": "application/json"}
        )
