"""The gateway's commands: serve, relay, webhooks, partners, and those that an operator runs once."""

from __future__ import annotations

import argparse
import pkgutil
from collections.abc import Sequence
from typing import Final

from bus.runtime import logs, process, telemetry
from bus.runtime.settings import RoleSettings, load

_RUN: Final = {
    "serve": "gateway.server:main",
    "relay": "gateway.relay:main",
    "webhooks": "gateway.webhooks.app:main",
    "partners": "gateway.partners.app:main",
    "grant-roles": "gateway.partners.role_users:main",
    "create-admin": "gateway.accounts.bootstrap_admin:main",
    "secrets": "gateway.rotation:main",
    "correlation": "gateway.accounts.correlation:main",
}
"""Command -> what it runs, imported only then: the relay's own imports take 1 s, everybody's 3 s."""
_ROLES: Final = ("relay", "webhooks", "partners")
"""The commands that have their own name in logs and traces; the others are ``gateway``."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status (`bus.runtime.process.exit_status`)."""
    options = _parser().parse_args(arguments)
    return process.exit_status(lambda: _command(options))


def _command(options: argparse.Namespace) -> int:
    command = options.command or "serve"
    role, name = load(RoleSettings), command if command in _ROLES else "gateway"
    logs.configure(name, role.log_level)
    with telemetry.exporting(name):
        status: int = pkgutil.resolve_name(_RUN[command])(role, options)
        return status


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
    secrets = commands.add_parser("secrets", help="what hangs on which secret, while one is being changed")
    secrets.add_argument("action", choices=("status", "reseal"), help="reseal: webhooks, with WEBHOOKS_KEY")
    given = commands.add_parser(
        "correlation", help="how a caller's X-Correlation-ID appears in the log, as given_correlation"
    )
    given.add_argument("id")
    return parser
