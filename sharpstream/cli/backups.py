"""``backup`` and ``restore``: the database and all files in one folder, and back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from sharpstream.cli import operators, printing
from sharpstream.client.errors import ServiceError

Folder = Annotated[Path, typer.Argument(metavar="PATH", help="The backup's folder.")]


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(backup)
    app.command()(restore)


def backup(
    path: Folder,
    *,
    previous: Annotated[
        Path | None, typer.Option(help="An earlier backup on the same disk: only what is new is copied.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Copy the database and all files of the running system into a new folder; its work goes on.

    The folder holds passwords and can be read by you alone: keep it so. Also of servers that the environment
    names (DATABASE_URL, S3_...), then without passwords.

    Examples.

    * `sharpstream backup /mnt/backups/2026-11-30`
    * `sharpstream backup /mnt/backups/2026-12-01 --previous /mnt/backups/2026-11-30`
    """
    from sharpstream.stack import backup as of_home  # noqa: PLC0415
    from sharpstream.stack import client, postgres, state_dir  # noqa: PLC0415

    folder = path.expanduser().resolve()
    if not operators.has_own_servers():
        home = state_dir.Home(state_dir.default_root())
        if not client.status(home)["roles"]:
            raise ServiceError(
                "not_running",
                "The system does not run. Start it: sharpstream up. Or, while it is stopped, copy the whole"
                f" folder {home.root}.",
            )
        of_home.write(home, folder)
        os.environ["PATH"] = f"{postgres.programs()}:{os.environ.get('PATH', os.defpath)}"
    command = ["ledger", "backup", str(folder)]
    command += ["--previous", str(previous.expanduser().resolve())] if previous else []
    made = operators.run(*command, on_progress=_show)
    if as_json:
        printing.as_json({"path": str(folder)} | made)
        return
    size = made["object_bytes"] / 1e9
    printing.line(
        f"{folder}: {made['accounts']} accounts, {made['scenes']} scenes, {made['events']} events,"
        f" {made['objects']} files ({size:.2f} GB), as of {made['taken_at']}."
    )


def restore(
    path: Folder,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Put a backup back into an empty home; `sharpstream up` then continues from it.

    A home that holds a system is refused. Cut off, it goes on when it is called again.

    Examples.

    * `SHARPSTREAM_HOME=/data/restored sharpstream restore /mnt/backups/2026-11-30`
    """
    from bus.runtime import logs  # noqa: PLC0415
    from sharpstream.stack import restore as of_home  # noqa: PLC0415
    from sharpstream.stack import state_dir  # noqa: PLC0415

    logs.configure("restore", "ERROR")  # the servers' starts and stops are no news here
    home = state_dir.Home(state_dir.default_root())
    done = of_home.restore(home, path.expanduser(), _show)
    if as_json:
        printing.as_json({"home": str(home.root)} | done)
        return
    printing.line(
        f"{home.root}: {done['accounts']} accounts, {done['scenes']} scenes and {done['objects']} files, as"
        f" of {done['taken_at']}."
    )
    if newer := done["newer"]["job_count"]:
        printing.line(f"{newer} files' jobs are newer than the backup's database; their files stay:")
        printing.line("\n".join(f"  {each}" for each in done["newer"]["jobs"]))
    if done["partners"]:
        printing.line(f"Partners will need new passwords: {', '.join(done['partners'])}.")
    printing.line("Start it: sharpstream up. The log of events is published again then.")


def _show(found: dict[str, Any]) -> None:
    match found:
        case {"stage": "database"}:
            printing.line("  the database", err=True)
        case {"stage": str(stage), "count": int(count), "bytes": int(size)}:
            printing.line(f"  {stage}: {count:,} ({size / 1e9:.2f} GB)", err=True)
