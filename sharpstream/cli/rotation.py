"""``secrets``: change the secrets of the gateway on this machine, one at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sharpstream.cli import printing

if TYPE_CHECKING:
    from sharpstream.stack.state_dir import Home

Name = Annotated[Literal["pepper", "jwt", "webhooks"], typer.Argument(help="Which secret.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    secrets = typer.Typer(help="Change the secrets of the gateway on this machine.", no_args_is_help=True)
    secrets.command("rotate")(rotate)
    secrets.command("status")(status)
    secrets.command("reseal")(reseal)
    secrets.command("end")(end)
    app.add_typer(secrets, name="secrets")


def rotate(name: Name) -> None:
    """Make a new secret while the stack is down; the former one is accepted until `secrets end`.

    Example: `sharpstream down && sharpstream secrets rotate pepper && sharpstream up`
    """
    from sharpstream.stack import secret_rotation  # noqa: PLC0415

    secret_rotation.rotate(_home(), name)
    printing.line("Done. The next `sharpstream up` uses it; the former one is accepted as well.")


def end(name: Name) -> None:
    """Forget the former secret while the stack is down; `secrets status` says whether something needs it.

    Example: `sharpstream secrets end pepper`
    """
    from sharpstream.stack import secret_rotation  # noqa: PLC0415

    secret_rotation.end(_home(), name)
    printing.line("Done. From the next `sharpstream up` on it is not accepted any more.")


def status() -> None:
    """Print what hangs on which secret, as JSON; the exit code is 1 while something hangs on a former one.

    Example: `sharpstream secrets status`
    """
    raise typer.Exit(_gateway("status"))


def reseal() -> None:
    """Seal the webhooks' secrets with the current key; the stack must run.

    Example: `sharpstream secrets reseal`
    """
    raise typer.Exit(_gateway("reseal"))


def _gateway(action: str) -> int:
    from sharpstream.stack import roles  # noqa: PLC0415
    from sharpstream.stack.postgres import Postgres  # noqa: PLC0415
    from sharpstream.stack.state_dir import Memory  # noqa: PLC0415

    home = _home()
    memory = Memory(home)
    variables = roles.secret_variables(memory) | {"DATABASE_URL": Postgres(home, memory).url_for("gateway")}
    argv = [sys.executable, "-P", "-m", "gateway", "secrets", action]
    done = subprocess.run(argv, env=os.environ | variables, check=False)  # noqa: S603  (our own module)
    return done.returncode


def _home() -> Home:
    from sharpstream.stack.state_dir import Home, default_root  # noqa: PLC0415

    return Home(default_root())
