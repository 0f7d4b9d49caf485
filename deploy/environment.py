"""Writes .env.example: every key that a process reads, from the settings classes themselves.

``python deploy/environment.py > .env.example``; a test fails when the committed one is out of date.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from bus.runtime import telemetry

MODULES: Final = ("bus.runtime", "gateway", "inference_consumer", "export_consumer", "ledger")
TO_FILL: Final = {
    "POSTGRES_PASSWORD": "the database's password; letters and digits",
    "KAFKA_PASSWORD": "the broker's password; letters and digits",
    "S3_ACCESS_KEY_ID": "a name of your choice; on AWS leave it out: the instance's own role",
    "S3_SECRET_ACCESS_KEY": "the object store's password",
    **{
        f"ROLE_PASSWORD_{role}": "its own user in Kafka, Postgres and the store; letters and digits"
        for role in ("GATEWAY", "RELAY", "WEBHOOKS", "PARTNERS", "INFERENCE", "EXPORT", "LEDGER")
    },
    "GATEWAY_JWT_SECRET": "signs access tokens; 32 characters or more",
    "GATEWAY_API_KEY_PEPPER": "keys the hash of API keys; 32 characters or more; never change it",
    "WEBHOOKS_KEY": "seals the secrets that sign webhooks; 32 characters or more; never change it",
}
"""Keys that compose.yaml requires and that have no default."""
UNITS: Final = {
    "bus.runtime": "Everything",
    "gateway": "Gateway, webhooks and relay",
    "inference_consumer": "Inference",
    "export_consumer": "Export",
    "ledger": "Ledger",
}
SHARPSTREAM: Final = {
    "SHARPSTREAM_URL": "the service that `sharpstream generate` speaks to; default: the one on this machine",
    "SHARPSTREAM_API_KEY": "its key; default: the key of the one on this machine",
    "SHARPSTREAM_HOME": "the folder with all state of `make up`; default: .sharpstream",
    "SHARPSTREAM_PORTS": "the ports to choose from for the servers of `make up`; default: 20000-31999",
    "SHARPSTREAM_POSTGRES_USER": "who runs Postgres where you are root; default: postgres, else nobody",
    "SHARPSTREAM_PARTNERS_HOST": "the name by which partners reach Kafka here; default: this machine alone",
    "SHARPSTREAM_PARTNERS_PEM": "private key and certificate chain: partners speak TLS with Kafka",
    "SHARPSTREAM_ADMIN_PASSWORD": "for `python -m gateway create-admin`; default: one is made and printed",
}
"""Keys that the command line reads without a settings class."""


def settings_classes(package: str) -> list[type[BaseSettings]]:
    """Return the settings classes that a package defines itself, in their order."""
    module = importlib.import_module(f"{package}.settings")
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseSettings) and value.__module__ == module.__name__
    ]


def keys(settings: type[BaseSettings]) -> dict[str, FieldInfo]:
    """Return environment key -> field."""
    prefix = settings.model_config.get("env_prefix", "")
    return {f"{prefix}{name}".upper(): field for name, field in settings.model_fields.items()}


def document() -> str:
    """Return the file's text."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Every environment key, with its default. For `docker compose up` copy this file to .env and"
    yield "# fill in the empty ones; `openssl rand -hex 24` makes a good value."
    yield "# `make up` needs none of them. A key that is commented out has the default shown."
    yield ""
    for key, meaning in TO_FILL.items():
        yield f"# {meaning}"
        yield f"{key}="
    for package in MODULES:
        yield f"\n# --- {UNITS[package]} ---"
        for settings in settings_classes(package):
            yield f"\n# {(settings.__doc__ or '').strip().splitlines()[0]}"
            for key, field in keys(settings).items():
                if key not in TO_FILL:
                    yield f"# {key}={_default(field)}{_meaning(field)}"
    yield "\n# --- Traces: OpenTelemetry's own keys; these and all its others ---\n"
    yield from (f"# {key}=  # {meaning}" for key, meaning in telemetry.VARIABLES.items())
    yield "\n# --- Command line ---\n"
    yield from (f"# {key}=  # {meaning}" for key, meaning in SHARPSTREAM.items())


def _default(field: FieldInfo) -> str:
    value: Any = field.default
    if value is PydanticUndefined or value is None or value == ():
        return ""
    if isinstance(value, SecretStr):
        raise TypeError("a secret with a default is no secret")
    return str(value)


def _meaning(field: FieldInfo) -> str:
    said = [field.description] if field.description else _choices(field)
    if field.is_required():
        said.insert(0, "required")
    elif field.default_factory is not None:
        said.append("default: of this machine")
    return f"  # {'; '.join(said)}" if said else ""


def _choices(field: FieldInfo) -> list[str]:
    return (
        [f"one of {', '.join(get_args(field.annotation))}"] if get_origin(field.annotation) is Literal else []
    )


if __name__ == "__main__":
    sys.stdout.write(document())
