"""The roles: their commands, their settings, and how each one reports that it is ready.

A role gets only the settings that it needs; inference never gets the database's address.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from pydantic import SecretStr

from bus.contract import role_rights
from bus.runtime.settings import KafkaSettings, S3Settings
from sharpstream.stack import environment, secret_rotation, web_build
from sharpstream.stack.partner_listener import PartnerListener
from sharpstream.stack.ports import LOOPBACK
from sharpstream.stack.process import START_S, Launch
from sharpstream.stack.state_dir import Home, Memory


@dataclass(frozen=True, kw_only=True)
class Servers:
    """The servers, as one user sees them. ``own``: role -> the same with the role's own user."""

    kafka: KafkaSettings
    s3: S3Settings
    database_url: str
    own: Mapping[str, Servers] = field(default_factory=dict)

    def of(self, role: str) -> Servers:
        """Return them as the role's own user."""
        return self.own.get(role, self)

    def variables(self, *, database: bool = True, store: bool = True) -> dict[str, str]:
        """Return the environment keys of a role; without the ``store`` its bucket's name alone."""
        kafka, s3 = self.kafka, self.s3
        found: dict[str, str | SecretStr | None] = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
            "KAFKA_SECURITY_PROTOCOL": kafka.security_protocol,
            "KAFKA_SASL_MECHANISM": kafka.sasl_mechanism,
            "KAFKA_USERNAME": kafka.username,
            "KAFKA_PASSWORD": kafka.password,
            "KAFKA_SSL_CA_FILE": kafka.ssl_ca_file,
            "KAFKA_TOPIC_EPOCH": str(kafka.topic_epoch) if kafka.topic_epoch > 1 else None,
            "S3_ENDPOINT_URL": s3.endpoint_url if store else None,
            "S3_ACCESS_KEY_ID": s3.access_key_id if store else None,
            "S3_SECRET_ACCESS_KEY": s3.secret_access_key if store else None,
            "S3_BUCKET": s3.bucket,
            "S3_CA_FILE": s3.ca_file if store else None,
            "DATABASE_URL": self.database_url if database else None,
        }
        return {key: clear(value) for key, value in found.items() if value is not None}


NAMES: Final = ("relay", "webhooks", "partners", "inference", "export", "ledger")
"""The roles with a health port; the gateway serves it on its own."""
_NICE: Final = dict.fromkeys(("webhooks", "partners", "export"), 5)
"""Requests and jobs go before what others asked for: a third of the processor time where both wait for it."""
LOADING_S: Final = 3600.0
"""Enough to fetch weights of 3 GB over a slow line; its log shows the progress."""


class Role:
    """The process of one role."""

    is_server = False

    def __init__(
        self,
        name: str,
        command: tuple[str, ...],
        env: Mapping[str, str],
        home: Home,
        port: int,
        *,
        start_seconds: float = START_S,
    ) -> None:
        self.name, self.start_seconds = name, start_seconds
        self.note: str | None = None
        self._command, self._env, self._home, self._port = command, env, home, port

    def prepare(self) -> None:
        """Do nothing: migrations, topics and the bucket are made before any role starts."""

    def launch(self) -> Launch:
        """Run the module. It has 30 s for a graceful shutdown, to finish its job or return it."""
        return Launch(
            argv=python(*self._command),
            env=environment.of_part(self._home, self.name) | dict(self._env),
            cwd=self._home.root,
            nice=_NICE.get(self.name, 0),
            stop_seconds=30,
        )

    async def ready(self) -> bool:
        """Ask its health port, which may have a note too."""
        try:
            timeout = aiohttp.ClientTimeout(total=2)
            async with (
                aiohttp.ClientSession(timeout=timeout) as http,
                http.get(f"http://{LOOPBACK}:{self._port}/health/ready") as answer,
            ):
                said = await answer.json() if answer.content_type == "application/json" else {}
                self.note = said.get("note")
                return answer.status == 200
        except (aiohttp.ClientError, OSError, TimeoutError):
            self.note = None
            return False


def clear(value: str | SecretStr) -> str:
    """Return a secret's text."""
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def python(*command: str) -> list[str]:
    """Return how one of our modules is run; -P keeps the current folder off the module path."""
    return [sys.executable, "-P", "-m", *command]


def model() -> str:
    """Return the model that the inference role will run: SHARP where the operator has set its weights."""
    return os.environ.get("INFERENCE_MODEL") or ("sharp" if os.environ.get("SHARP_CHECKPOINT") else "layered")


def gateway_variables(memory: Memory, servers: Servers) -> dict[str, str]:
    """Return all that the gateway's commands need."""
    port = memory.port("gateway")
    return (
        servers.of("gateway").variables()
        | {
            "GATEWAY_PORT": str(port),
            "GATEWAY_MODEL": model(),
            "GATEWAY_PUBLIC_URL": os.environ.get("GATEWAY_PUBLIC_URL") or f"http://{LOOPBACK}:{port}",
        }
        | page_variables()
        | secret_variables(memory)
        | outgoing_variables(memory)
        | PartnerListener.read().variables(memory.port("kafka_partners"))
    )


def page_variables() -> dict[str, str]:
    """Return the folder of the web page: the user's own or the one that was built here."""
    folder = os.environ.get("GATEWAY_PAGE") or web_build.built()
    return {"GATEWAY_PAGE": str(folder)} if folder else {}


def viewer_variables() -> dict[str, str]:
    """Return the page into which scenes are put: the user's own or the one that was built here."""
    path = os.environ.get("EXPORT_VIEWER") or web_build.export_viewer()
    return {"EXPORT_VIEWER": str(path)} if path else {}


def webhooks_note() -> str:
    """Return where webhooks may go, for the user."""
    here = os.environ.get("WEBHOOKS_LOOPBACK_PORTS")
    private = (os.environ.get("WEBHOOKS_ALLOW_PRIVATE") or "false").lower() in {"1", "true", "yes", "on"}
    where = [*([f"ports {here} of this machine"] if here else []), *(["private networks"] if private else [])]
    return f"may go to {', '.join([*where, 'public addresses'])}"


def webhook_variables(memory: Memory) -> dict[str, str]:
    """Return the settings that gateway and sender share."""
    return {"WEBHOOKS_KEY": memory.secret("webhooks_key")} | secret_rotation.previous(memory, "webhooks")


def secret_variables(memory: Memory) -> dict[str, str]:
    """Return the gateway's own secrets, with the former ones that are still accepted."""
    own = {
        "GATEWAY_JWT_SECRET": memory.secret("gateway_jwt"),
        "GATEWAY_API_KEY_PEPPER": memory.secret("gateway_api_key_pepper"),
    }
    return own | secret_rotation.previous(memory, "pepper", "jwt") | webhook_variables(memory)


def password_variables(memory: Memory) -> dict[str, str]:
    """Return the passwords of the roles' own users, for the commands that make these users."""
    return {f"ROLE_PASSWORD_{role.upper()}": memory.role_password(role) for role in role_rights.ROLES}


def outgoing_variables(memory: Memory) -> dict[str, str]:
    """Return what no URL of a customer may lead to: this stack's own ports, those of all roles included."""
    for name in NAMES:
        memory.port(f"{name}_health")
    return {"OUTGOING_REFUSED_PORTS": ",".join(map(str, sorted(memory.taken_with_companions)))}


def roles(home: Home, memory: Memory, servers: Servers) -> list[Role]:
    """Return every role of the system, the gateway first."""

    def role(name: str, *command: str, database: bool = True) -> Role:
        port = memory.port(f"{name}_health")
        store = bool(role_rights.STORE[name].reads)
        own = servers.of(name).variables(database=database, store=store)
        env = own | {"HEALTH_PORT": str(port), "HEALTH_HOST": LOOPBACK}
        env |= {"INFERENCE_MODEL": model()} if name == "inference" else {}
        env |= viewer_variables() if name == "export" else {}
        env |= webhook_variables(memory) if name == "webhooks" else {}
        env |= outgoing_variables(memory) if name in {"webhooks", "partners"} else {}
        return Role(
            name, command, env, home, port, start_seconds=LOADING_S if name == "inference" else START_S
        )

    health = {"HEALTH_PORT": str(memory.port("gateway_health")), "HEALTH_HOST": LOOPBACK}
    own = gateway_variables(memory, servers) | health
    gateway = Role("gateway", ("gateway",), own, home, memory.port("gateway"))
    return [
        gateway,
        role("relay", "gateway", "relay"),
        role("webhooks", "gateway", "webhooks"),
        role("partners", "gateway", "partners"),
        role("inference", "inference_consumer", database=False),
        role("export", "export_consumer"),
        role("ledger", "ledger", "run"),
    ]
