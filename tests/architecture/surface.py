"""The public surface by name: REST operations and schemas, Kafka channels and messages, commands and options.

``python -m tests.architecture.surface`` writes ``tests/architecture/surface.json``, which the test compares.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr

from bus.runtime.settings import DatabaseSettings, KafkaSettings, S3Settings
from gateway.app import create_app
from gateway.settings import GatewaySettings, Settings, WebhookSettings
from sharpstream.cli.main import build

COMMITTED = Path(__file__).with_name("surface.json")
ASYNCAPI = Path(__file__).parents[2] / "docs" / "asyncapi.json"
METHODS = ("get", "put", "post", "patch", "delete")


def rest(document: dict[str, Any]) -> dict[str, Any]:
    """Return the operations and schemas of an OpenAPI document, by name."""
    operations = {
        f"{method.upper()} {path}": {
            "id": operation["operationId"],
            "parameters": sorted(each["name"] for each in operation.get("parameters", ())),
            "bodies": sorted(operation.get("requestBody", {}).get("content", ())),
            "answers": sorted(operation["responses"]),
        }
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }
    schemas = {
        name: sorted(schema.get("properties", schema.get("enum", ())))
        for name, schema in document["components"]["schemas"].items()
    }
    return {"operations": operations, "schemas": schemas}


def kafka(document: dict[str, Any]) -> dict[str, Any]:
    """Return the channels of an AsyncAPI document and the messages of each."""
    return {name: sorted(channel["messages"]) for name, channel in document["channels"].items()}


def command_line(app: typer.Typer) -> dict[str, list[str]]:
    """Return each command with the names of its arguments and options."""
    found: dict[str, list[str]] = {}

    def visit(command: Any, name: str) -> None:
        found[name] = sorted(
            option for parameter in command.params for option in (parameter.opts or [parameter.name or ""])
        )
        for child, each in getattr(command, "commands", {}).items():
            visit(each, f"{name} {child}")

    visit(typer.main.get_command(app), "sharpstream")
    return found


def current() -> dict[str, Any]:
    """Return the surface of this tree."""
    document = create_app(_settings()).openapi_schema.to_schema()
    return {
        "rest": rest(document),
        "kafka": kafka(json.loads(ASYNCAPI.read_text())),
        "command_line": command_line(build()),
    }


def _settings() -> Settings:
    """Return settings with which an application can be described; it is never started."""
    return Settings(
        gateway=GatewaySettings(
            jwt_secret=SecretStr("a secret of the tests, long enough for HS256"),
            api_key_pepper=SecretStr("a pepper of the tests, long enough as well"),
        ),
        webhooks=WebhookSettings(key=SecretStr("a key of the tests that seals webhook secrets")),
        kafka=KafkaSettings(bootstrap_servers="127.0.0.1:9", security_protocol="PLAINTEXT"),
        s3=S3Settings(),
        database=DatabaseSettings(url=SecretStr("postgresql://127.0.0.1:9/none")),
    )


if __name__ == "__main__":
    COMMITTED.write_text(json.dumps(current(), indent=1, sort_keys=True) + "\n")
