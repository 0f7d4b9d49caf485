"""``export``: a scene in another format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from sharpstream.cli import printing
from sharpstream.cli.scenes import Id
from sharpstream.cli.service import Json, Key, Url, locate
from sharpstream.client import Client, Export, ServiceError
from sharpstream.client.errors import FILE_NOT_WRITTEN


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(export)


def export(
    scene_id: Id,
    format: Annotated[str, typer.Argument(help="ply, spz, GLTF, OBJ, ...; in any case.")],  # noqa: A002
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", dir_okay=False, help="The file; default: ID.FORMAT.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="The format's own; may be repeated."),
    ] = None,
    url: Url = None,
    api_key: Key = None,
    as_json: Json = False,
) -> None:
    """Make a scene in another format, wait for it and download it.

    Example: `sharpstream export 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47 GLTF -o kitchen.glb`
    """
    options = dict(_option(text) for text in option or [])
    with locate(url, api_key).client() as client:
        made = _made(client, client.export(scene_id, format, options=options).export_id)
        target = output or Path(f"{scene_id}.{made.export_format}")
        _save(client, made, target)
    if as_json:
        printing.as_json({"export": made, "path": str(target)})
    else:
        print(target)


def _option(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"{text}: write NAME=VALUE.", param_hint="--option")
    try:
        return name, json.loads(value)  # numbers and true or false
    except ValueError:
        return name, value


def _made(client: Client, export_id: str) -> Export:
    """Return the export once it is made. Raises `ServiceError` with its code where it failed."""
    made = client.wait_export(export_id)
    if made.status != "completed" or made.export_file_url is None:
        raise ServiceError(made.error_code or "export_failed", made.error_message or "The export failed.")
    return made


def _save(client: Client, made: Export, target: Path) -> None:
    part = target.with_name(f".{target.name}.part")
    try:
        with part.open("wb") as file:
            client.download(made.export_file_url or "", file)
        part.replace(target)
    except OSError as error:
        raise ServiceError(FILE_NOT_WRITTEN, f"{target} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
