"""The gateway's commands: serve, relay, webhooks, partners, and create-admin for the first account."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Coroutine, Sequence
from typing import Any, Final

from bus.runtime import logs, process, telemetry
from bus.runtime.settings import (
    DatabaseSettings,
    KafkaSettings,
    RolePasswords,
    RoleSettings,
    S3Settings,
    load,
)
from gateway import server, settings
from gateway.accounts import bootstrap_admin
from gateway.accounts.key_hashing import ApiKeys
from gateway.errors import DomainError
from gateway.partners import role_users
from gateway.partners.app import PartnersRole

_ROLES: Final = {"relay": "relay", "webhooks": "webhooks", "partners": "partners"}
"""Command -> the role's name in logs and traces, where that is not ``gateway``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (`bus.runtime.process.exit_status`)."""
    options = _parser().parse_args(arguments)
    return process.exit_status(lambda: _command(options))


def _command(options: argparse.Namespace) -> int:
    role = load(RoleSettings)
    logs.configure(_ROLES.get(options.command, "gateway"), role.log_level)
    with telemetry.exporting(_ROLES.get(options.command, "gateway")):
        match options.command:
            case "relay":
                own = load(settings.RelaySettings)
                process.run(server.relay(load(KafkaSettings), load(DatabaseSettings), own, role))
            case "webhooks":
                sender = load(settings.WebhookSettings)
                refused = load(settings.OutgoingSettings)
                process.run(
                    server.webhooks(load(KafkaSettings), load(DatabaseSettings), sender, role, refused)
                )
            case "partners":
                process.run(server.partners(_partners(role)))
            case "grant-roles":
                process.run(role_users.grant(load(KafkaSettings), load(RolePasswords).given()))
            case "create-admin":
                return _create_admin(options)
            case "correlation":
                own_keys = ApiKeys(load(settings.GatewaySettings).api_key_pepper)
                sys.stdout.write(f"{own_keys.correlation(options.id)}\n")
            case _:
                process.run(server.serve(settings.read(), role))
    return process.DONE


def _create_admin(options: argparse.Namespace) -> int:
    try:
        made = process.run(_admin(options))
    except DomainError as error:  # as a request would be refused, such as for an address that exists
        sys.stderr.write(f"{error.message}\n")
        return process.MISCONFIGURED
    sys.stdout.write(f"{made}\n")
    return process.DONE


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
        outgoing=load(settings.OutgoingSettings),
        role=role,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m gateway", description="The HTTP face of Sharpstream.")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve", help="serve HTTP (the default)")
    commands.add_parser("relay", help="carry the outbox to Kafka")
    commands.add_parser("webhooks", help="deliver events to customers' servers")
    commands.add_parser("partners", help="carry partners' commands in and events out")
    commands.add_parser("grant-roles", help="give each role its own user and rights in Kafka")
    create = commands.add_parser("create-admin", help="make the first account and an API key")
    create.add_argument("--email", required=True)
    create.add_argument("--api-key-name", required=True)
    create.add_argument(
        "--reset", action="store_true", help="new password and key for an account that exists"
    )
    given = commands.add_parser(
        "correlation", help="how a caller's X-Correlation-ID appears in the log, as given_correlation"
    )
    given.add_argument("id")
    return parser
