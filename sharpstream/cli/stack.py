"""`up`, `down`, `status`, `check`, `reset`, `logs`, and `stack stop|start PART` to see a part fail.

Each verb imports what it needs inside itself, so that `--help` and other modules' verbs stay quick.
"""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from sharpstream.cli import printing

if TYPE_CHECKING:
    from sharpstream.stack.state_dir import Home

MODEL_NOTES: Final = {
    "layered": ": depth from its own small network, or from MoGe-2 once that is fetched",
    "card": ": the demo model, whose scenes are flat; INFERENCE_MODEL=layered has depth",
    "sharp": ": its weights are for research only",
}
"""Notes for the user on the model that turns photos into splats."""
PartName = Annotated[
    str,
    typer.Argument(help="kafka, postgres, s3, gateway, relay, webhooks, partners, inference, export, ledger"),
]


class ResetPart(StrEnum):
    """What `sharpstream reset` begins anew."""

    KAFKA = "kafka"
    POSTGRES = "postgres"
    S3 = "s3"
    ALL = "all"


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(up)
    app.command()(down)
    app.command()(status)
    app.command()(check)
    app.command()(reset)
    app.command()(logs)
    parts = typer.Typer(help="Stop and start single parts, to see how others react.", no_args_is_help=True)
    parts.command("stop")(stop_part)
    parts.command("start")(start_part)
    app.add_typer(parts, name="stack")


def _home() -> Home:
    from sharpstream.stack.state_dir import Home, default_root  # noqa: PLC0415

    return Home(default_root())


def up() -> None:
    """Start everything on this machine and return once it is ready.

    Kafka, Postgres, an object store and every role, each its own process, restarted when it dies. All state
    is kept in the folder .sharpstream, and the next `up` continues with it.

    Examples.

    * `sharpstream up`
    * `GATEWAY_PORT=9000 sharpstream up` serves the page on another port
    * `SHARPSTREAM_HOME=/data/second sharpstream up` starts a second system beside the first
    """
    from sharpstream.stack import client  # noqa: PLC0415

    home = _home()
    status = client.up(home, lambda line: printing.line(f"  {line}", err=True))
    person = json.loads(home.credentials.read_text())
    printing.line(_welcome(status, person))


def _welcome(status: dict[str, Any], person: dict[str, Any]) -> str:
    url, page = status["gateway"]["url"], status["page"]["note"]
    lines = [
        "Sharpstream is up.",
        f"  page        {url}{page and f' ({page})'}",
        f"  API docs    {url}/docs",
        f"  account     {person['email']}   password {person['password']}",
        f"  API key     {person['api_key']}",
        f"  (all credentials: {status['credentials_file']})",
        f"  model       {status['model']}{MODEL_NOTES.get(status['model'], '')}",
        *([f"              {note}"] if (note := status["roles"]["inference"]["note"]) else []),
        f"  webhooks    {status['webhooks']}",
        "",
        f"Try: {_own_name()} generate photo.jpg -o splats",
    ]
    return "\n".join(lines)


def _own_name() -> str:
    """Return the shortest name by which this command works from the current folder."""
    command = Path(sys.argv[0]).absolute()
    inside = command.name == "sharpstream" and command.is_relative_to(Path.cwd())
    return str(command.relative_to(Path.cwd())) if inside else "sharpstream"


def down() -> None:
    """Stop everything; the data stays.

    Examples.

    * `sharpstream down`
    * `sharpstream down && rm -r .sharpstream` deletes all data too
    """
    from sharpstream.stack import client  # noqa: PLC0415

    printing.line("Stopped." if client.down(_home()) else "Nothing was running.")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Show every process; the exit code is 0 when all are ready, else 1.

    Examples.

    * `sharpstream status`
    * `sharpstream status --json | jq .gateway.url`
    """
    from sharpstream.stack import client  # noqa: PLC0415

    report = client.status(_home())
    printing.line(json.dumps(report, indent=2) if as_json else _table(report))
    raise typer.Exit(0 if report["ready"] else 1)


def _table(report: dict[str, Any]) -> str:
    if not report["roles"]:
        return "Not running. Start it: sharpstream up"
    lines = [f"{'':10} {'state':9} {'pid':>8} {'restarts':>9}"]
    for name, part in report["roles"].items():
        said = [text for text in (part["trouble"] or part["note"],) if text]
        state = f"{name:10} {part['state']:9} {part['pid'] or '-':>8} {part['restarts']:>9}"
        lines.append("  ".join([state, *said]))
    return "\n".join([*lines, "", f"page {report['gateway']['url']}"])


def check(
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Compare what this home has made with what is there; starts nothing. The exit code is 1 if data is lost.

    Examples.

    * `sharpstream check`
    * `SHARPSTREAM_HOME=/mnt/restored sharpstream check` looks at a restored copy before it is started
    """
    from sharpstream.stack import data_check  # noqa: PLC0415

    home = _home()
    found = data_check.problems(home)
    if as_json:
        printing.line(json.dumps({"home": str(home.root), "problems": found}, indent=2))
    else:
        printing.line("\n".join(found) or f"All that was made in {home.root} is there.")
    raise typer.Exit(1 if found else 0)


def reset(
    part: Annotated[ResetPart, typer.Argument(help="what to begin anew")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Begin anew without data that is lost. Nothing is removed: what is there is renamed and stays.

    Examples.

    * `sharpstream reset kafka` makes an empty Kafka and publishes the events again; accounts and scenes stay
    * `sharpstream reset s3` makes an empty object store; accounts and scenes stay, their files are gone
    * `sharpstream reset all` makes a new system in this home
    """
    from sharpstream.stack import data_reset  # noqa: PLC0415

    home = _home()
    printing.line(f"This loses {data_reset.LOSES[part]}.", err=True)
    if not yes:
        typer.confirm("Go on?", abort=True, err=True)
    for path in data_reset.reset(home, part):
        printing.line(f"kept as {path}", err=True)
    printing.line("Done. The next `sharpstream up` makes it anew.")


def logs(
    part: Annotated[str | None, typer.Argument(help="one process; all of them when left out")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="continue with new lines")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="how many old lines of each")] = 50,
) -> None:
    """Show the logs of the processes.

    Examples.

    * `sharpstream logs`
    * `sharpstream logs inference -f`
    """
    from sharpstream.stack import logfiles  # noqa: PLC0415
    from sharpstream.stack.errors import StackError  # noqa: PLC0415

    found = {path.stem: path for path in sorted(_home().logs.glob("*.log"))}
    if part is not None:
        if part not in found:
            raise StackError(f"There is no log of {part}; there are: {', '.join(found) or 'none yet'}.")
        found = {part: found[part]}
    for name, path in found.items():
        for line in logfiles.tail(path, lines):
            printing.line(f"{name:10} {line}")
    if follow:
        try:
            for name, line in logfiles.follow(found):
                printing.line(f"{name:10} {line}")
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


def stop_part(part: PartName) -> None:
    """Stop one part; it stays stopped until it is started.

    Example: `sharpstream stack stop kafka`
    """
    from sharpstream.stack import client  # noqa: PLC0415

    client.part(_home(), "stop", part)


def start_part(part: PartName) -> None:
    """Start a stopped part and wait until it is ready.

    Example: `sharpstream stack start kafka`
    """
    from sharpstream.stack import client  # noqa: PLC0415

    client.part(_home(), "start", part)
