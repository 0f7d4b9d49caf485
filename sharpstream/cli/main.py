"""The `sharpstream` command: one app, and one list of the modules that add verbs to it."""

from __future__ import annotations

from typing import Final

import typer

from bus.runtime.errors import SharpstreamError
from sharpstream.cli import (
    account,
    admin,
    audit,
    backups,
    dlq,
    events,
    exports,
    generate,
    keys,
    mcp,
    partners,
    printing,
    queue,
    retention,
    rotation,
    scene_notes,
    scenes,
    stack,
    usage,
    webhooks,
)
from sharpstream.cli.results import sentence
from sharpstream.client.errors import UNREACHABLE, ServiceError

NOT_REACHED: Final = 3
MODULES: Final = (
    stack,
    backups,
    account,
    keys,
    generate,
    scenes,
    scene_notes,
    exports,
    events,
    webhooks,
    usage,
    mcp,
    retention,
    dlq,
    queue,
    partners,
    admin,
    audit,
    rotation,
)
"""Each has ``register(app)``."""


def build() -> typer.Typer:
    """Build the command line."""
    built = typer.Typer(
        name="sharpstream",
        help="A photo goes in, a metric 3D Gaussian splat comes out.",
        epilog="Begin with: sharpstream up",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode="markdown",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for module in MODULES:
        module.register(built)
    return built


def main() -> int:
    """Run the command. Our own errors are one sentence on stderr and exit code 1, or 3 if unreachable."""
    try:
        build()()
    except ServiceError as error:
        printing.line(f"sharpstream: {sentence(error)}", err=True)
        return NOT_REACHED if error.code == UNREACHABLE else 1
    except SharpstreamError as error:
        printing.line(f"sharpstream: {error.message}", err=True)
        return 1
    return 0
