"""The client against the gateway's own document: every operation, its parameters, its answer."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import pytest
from pydantic import SecretStr

from bus.runtime.settings import DatabaseSettings, KafkaSettings, S3Settings
from gateway.app import create_app
from gateway.settings import GatewaySettings, Settings, WebhookSettings
from sharpstream.client.operation import Operation
from sharpstream.client.operation_methods import Operations

ROOT = Path(__file__).parents[3]
CLIENT = ROOT / "sharpstream" / "client"
PAGES = {"landing", "page", "asset", "live", "ready", "metrics"}
STREAMS = {"scene_events", "export_events", "download_archive", "download_album"}
"""Read by `follow` and its variants, which tests/e2e covers, and archives by `download`."""
OPERATIONS = {name: found for name, found in vars(Operations).items() if isinstance(found, Operation)}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    secret = "long enough to be a secret of the tests"
    settings = Settings(
        gateway=GatewaySettings(jwt_secret=secret, api_key_pepper=secret),
        webhooks=WebhookSettings(key=secret),
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1"),
        s3=S3Settings(
            endpoint_url="http://127.0.0.1:1",
            access_key_id=SecretStr("x"),
            secret_access_key=SecretStr("x"),
            bucket="b",
        ),
        database=DatabaseSettings(url="postgresql://127.0.0.1:1/x"),
    )
    return create_app(settings).openapi_schema.to_schema()


def sample(name: str, annotation: str) -> Any:
    """Return a valid value for a parameter."""
    if name == "photo":
        return b"photo"
    for word, value in {
        "Mapping": {"a": 1},
        "Sequence": ["a"],
        "Moment": "2026-01-01",
        "datetime": datetime(2026, 1, 1, tzinfo=UTC),
        "bool": True,
        "int": 3,
        "float": 2.5,
    }.items():
        if re.search(rf"\b{word}\b", annotation):
            return value
    return f"given-{name}"


def call_of(operation: Operation[..., Any]) -> Any:
    """Return the call with every parameter given."""
    parameters = inspect.signature(operation._make).parameters.values()
    given = {p.name: sample(p.name, str(p.annotation)) for p in parameters if p.name != "moved"}
    positional = [given.pop(p.name) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    return operation._make(*positional, **given)


def described(document: dict[str, Any], method: str, path: str) -> dict[str, Any]:
    """Return the document's operation for a request; a literal path wins over a template."""
    found = [
        (template.count("{"), operations[method.lower()])
        for template, operations in document["paths"].items()
        if re.fullmatch(re.sub(r"{[^}]+}", "[^/]+", template).rstrip("/") + "/?", path)
        and method.lower() in operations
    ]
    assert found, f"{method} {path} is not in the document"
    return min(found, key=lambda one: one[0])[1]


def whole(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with its references followed and its parts joined."""
    if "$ref" in schema:
        return whole(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    joined: dict[str, Any] = {"properties": {}, "required": []} | schema
    for part in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        inner = whole(document, part)
        joined["properties"] = joined["properties"] | inner["properties"]
    return joined


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_sent_is_what_is_described(document: dict[str, Any], name: str) -> None:
    call = call_of(OPERATIONS[name])
    operation = described(document, call.method, call.path)
    parameters = operation.get("parameters", [])
    known = {(p["in"], p["name"].lower()) for p in parameters}
    assert {("query", query.lower()) for query in call.query} <= known
    assert {("header", header.lower()) for header in call.headers} <= known
    assert {n for where, n in known if where == "query"} <= {query.lower() for query in call.query}
    sent = set(call.body or {}) | set(call.form) | ({"image"} if call.photo else set())
    bodies = operation.get("requestBody", {}).get("content", {})
    kind = "multipart/form-data" if call.photo else "application/json"
    takes = set(whole(document, bodies[kind]["schema"])["properties"]) if bodies else set()
    assert sent <= takes
    assert takes <= sent, "the document has fields that the client cannot send"


@pytest.mark.parametrize("name", OPERATIONS)
def test_what_is_read_is_what_is_described(document: dict[str, Any], name: str) -> None:
    call = call_of(OPERATIONS[name])
    answers = described(document, call.method, call.path)["responses"]
    good = [answer for status, answer in answers.items() if status.startswith("2")]
    schemas = [
        a["content"]["application/json"]["schema"] for a in good if "application/json" in a.get("content", {})
    ]
    if call.answer is None:
        assert not schemas
        return
    # Of several good answers the request decides which comes.
    assert min((list(complaints(document, call.answer, schema)) for schema in schemas), key=len) == []


def complaints(document: dict[str, Any], kind: Any, schema: dict[str, Any]) -> Iterator[str]:
    """Yield fields that the client reads but are not described, and required ones that may be missing."""
    schema = whole(document, schema)
    if choices := [choice for choice in schema.get("oneOf", ()) if choice.get("type") != "null"]:
        # One of several answers is enough; the request decides which of them comes.
        yield from min((list(complaints(document, kind, choice)) for choice in choices), key=len)
    elif get_origin(kind) is list:
        yield from complaints(document, get_args(kind)[0], schema["items"])
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        for field in msgspec.structs.fields(kind):
            if field.encode_name not in schema["properties"]:
                yield f"{kind.__name__}.{field.name} is not described"
                continue
            if field.required and field.encode_name not in schema["required"]:
                yield f"{kind.__name__}.{field.name} may be missing"
            yield from complaints(document, field.type, schema["properties"][field.encode_name])


def test_every_operation_of_the_gateway_has_a_method(document: dict[str, Any]) -> None:
    ours = {
        described(document, call.method, call.path)["operationId"]
        for call in (call_of(operation) for operation in OPERATIONS.values())
    }
    theirs = {o["operationId"] for path in document["paths"].values() for o in path.values()}
    assert theirs - PAGES - STREAMS == ours


def test_operations_and_answers_are_those_of_the_document(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "deploy" / "python_client.py"), "--to", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    made = {path.relative_to(tmp_path): path.read_text() for path in tmp_path.rglob("*.py")}
    assert len(made) > 10
    committed = {path: (CLIENT / path).read_text() for path in made}
    assert made == committed, "run: .venv/bin/python deploy/python_client.py"
    # Nothing else lies beside them but what is written by hand.
    others = {
        p.relative_to(CLIENT) for name in ("models", "operations") for p in (CLIENT / name).glob("*.py")
    }
    assert {str(path) for path in others - made.keys()} == {
        "models/events.py", "models/states.py", "operations/__init__.py", "operations/by_hand.py",
    }  # fmt: skip
