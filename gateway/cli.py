"""The gateway's processes: serve, relay, webhooks, partners; and one that makes the first account."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, Final, TypeVar

import structlog
import uvloop

from bus.runtime import logs, telemetry
from bus.runtime.errors import ConfigurationError, FencedError
from bus.runtime.settings import DatabaseSettings, KafkaSettings, RoleSettings, S3Settings, load
from gateway import server, settings
from gateway.accounts import bootstrap_admin
from gateway.errors import DomainError
from gateway.partners.app import PartnersRole

T = TypeVar("T")
_ROLES: Final = {"relay": "relay", "webhooks": "webhooks", "partners": "partners"}
"""Command -> what the process is called in logs and traces, where that is not ``gateway``."""
_log = structlog.stdlib.get_logger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status: 2 for a wrong setting, 1 where a successor took over."""
    options = _parser().parse_args(arguments)
    try:
        role = load(RoleSettings)
        logs.configure(_ROLES.get(options.command, "gateway"), role.log_level)
        with telemetry.exporting(_ROLES.get(options.command, "gateway")):
            match options.command:
                case "relay":
                    own = load(settings.RelaySettings)
                    _run(server.relay(load(KafkaSettings), load(DatabaseSettings), own, role))
                case "webhooks":
                    sender = load(settings.WebhookSettings)
                    _run(server.webhooks(load(KafkaSettings), load(DatabaseSettings), sender, role))
                case "partners":
                    _run(server.partners(_partners(role)))
                case "create-admin":
                    sys.stdout.write(f"{_run(_admin(options))}\n")
                case _:
                    _run(server.serve(settings.read()))
    except (ConfigurationError, DomainError) as error:
        sys.stderr.write(f"{error.message}\n")
        return 2
    except FencedError as error:
        _log.warning("fenced", error=error.message)
        return 1  # the supervisor starts a fresh process, which waits for its turn
    return 0


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except ExceptionGroup as group:  # Litestar opens its lifespan inside a task group
        raise _innermost(group) from group


def _innermost(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _admin(options: argparse.Namespace) -> Coroutine[Any, Any, str]:
    return bootstrap_admin.create(
        settings.read(), email=options.email, api_key_name=options.api_key_name, reset=options.reset
    )


def _partners(role: RoleSettings) -> PartnersRole:
    return PartnersRole(
        kafka=load(KafkaSettings),
        s3=load(S3Settings),
        postgres=load(DatabaseSettings),
        own=load(settings.PartnerBridgeSettings),
        role=role,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway", description="The HTTP face of Sharpstream.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve HTTP (the default)")
    commands.add_parser("relay", help="carry the outbox to Kafka")
    commands.add_parser("webhooks", help="tell customers' servers of events")
    commands.add_parser("partners", help="carry partners' commands in and events out")
    create = commands.add_parser("create-admin", help="make the first account and an API key")
    create.add_argument("--email", required=True)
    create.add_argument("--api-key-name", required=True)
    create.add_argument(
        "--reset", action="store_true", help="new password and key for an account that exists"
    )
    return parser
