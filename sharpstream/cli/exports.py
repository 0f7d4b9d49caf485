"""``export``: converts a scene to another format; ``exports backfill``: converts all old scenes."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Annotated, Any

import typer

from bus.contract.format_catalogue import FACTS
from sharpstream.cli import operators, printing
from sharpstream.cli.scenes import Id
from sharpstream.cli.service import Json, Key, Url, locate
from sharpstream.client import Client, Export, ServiceError
from sharpstream.client.errors import FILE_NOT_WRITTEN


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command()(export)
    many = typer.Typer(help="For operators: exports of all accounts' scenes.", no_args_is_help=True)
    many.command()(backfill)
    app.add_typer(many, name="exports")


def export(
    scene_id: Id,
    format: Annotated[  # noqa: A002
        str,
        typer.Argument(
            help="ply, spz, GLTF, html, depth-png, stereo-jpeg, ...: docs/formats.md; in any case."
        ),
    ],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", dir_okay=False, help="The file; default: ID and the format's ending."),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="An option of the format; may be repeated."),
    ] = None,
    url: Url = None,
    api_key: Key = None,
    as_json: Json = False,
) -> None:
    """Convert a scene to another format, wait for the export and download it.

    Example: `sharpstream export 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47 GLTF -o kitchen.glb`
    """
    options = dict(_option(text) for text in option or [])
    with locate(url, api_key).client() as client:
        made = _made(client, client.export(scene_id, format, options=options).export_id)
        target = output or _default(scene_id, made.export_format)
        _save(client, made, target)
    if as_json:
        printing.as_json({"export": made, "path": str(target)})
    else:
        printing.line(target)


def _default(scene_id: str, name: str) -> Path:
    """Return the file's name: ``ID.spz``, ``ID-depth_png.png``; an unknown format is the ending."""
    facts = FACTS.get(name)
    if facts is None or facts.extension == f".{name}":
        return Path(f"{scene_id}.{name}")
    return Path(f"{scene_id}-{name}{facts.extension}")


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text}: write NAME=VALUE.", param_hint="--option")
    try:
        return name, json.loads(value)  # numbers and true or false
    except ValueError:
        return name, value


def _made(client: Client, export_id: str) -> Export:
    """Wait for the export and return it. Raises `ServiceError` with its code where it failed."""
    made = client.wait_export(export_id)
    if made.status != "completed" or made.export_file_url is None:
        raise ServiceError(made.error_code or "export_failed", made.error_message or "The export failed.")
    return made


def _save(client: Client, made: Export, target: Path) -> None:
    part = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with part.open("wb") as file:
            client.download(made.export_file_url or "", file)
        part.replace(target)
    except OSError as error:
        raise ServiceError(FILE_NOT_WRITTEN, f"{target} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def backfill(
    *,
    format: Annotated[  # noqa: A002
        str, typer.Option(help="A format, or `preview` or `viewer`, which a scene gets that is opened.")
    ],
    since: Annotated[str, typer.Option(help="Completed since then, such as 2026-01-31; default zone: UTC.")],
    until: Annotated[str | None, typer.Option(help="Completed before then; default: now.")] = None,
    options: Annotated[str, typer.Option(metavar="JSON", help="Options of the format.")] = "{}",
    ahead: Annotated[int, typer.Option(min=1, help="Exports in flight at most.")] = 1000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only.")] = False,
    as_json: Json = False,
) -> None:
    """Convert old scenes of all accounts: read the event log again and order the exports that are missing.

    Customers are neither notified nor charged. It may be stopped and run again; no export is made twice.
    It uses Kafka and Postgres, those of `sharpstream up` here, or of DATABASE_URL and KAFKA_...

    Examples.

    * `sharpstream exports backfill --format viewer --since 2026-01-01 --dry-run`
    * `sharpstream exports backfill --format sog --since 2026-01-01 --options '{"max_gaussians": 500000}'`
    """
    command = ["--format", format, "--since", since, "--options", options, "--ahead", str(ahead)]
    command += ["--until", until] if until else []
    command += ["--dry-run"] if dry_run else []
    found = operators.run("export_consumer", "backfill", *command, on_progress=_show_progress)
    if as_json:
        printing.line(json.dumps(found))
        return
    verb = "would be ordered" if found["dry_run"] else "ordered"
    printing.line(
        f"{found['scenes']} scenes: {found['ordered']} exports {verb}, {found['already']} exist already,"
        f" {found['gone']} scenes gone."
    )


def _show_progress(step: dict[str, Any]) -> None:
    if step.get("event") == "backfill":
        printing.line(f"  {step['scenes']} scenes, {step['ordered']} ordered", err=True)
