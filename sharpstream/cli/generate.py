"""``sharpstream generate PHOTO...``: turns photos into splats on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bus.contract import retention
from bus.contract.messages import Priority
from sharpstream.cli import batch, showing
from sharpstream.cli.service import Key, Url


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(generate)


def generate(
    photos: Annotated[
        list[Path],
        typer.Argument(
            metavar="PHOTO...",
            help="JPEG, PNG, WebP, HEIC, AVIF or TIFF files.",
        ),
    ],
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", file_okay=False, help="Where the splats go.")
    ] = Path(),
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace splats that exist.")] = False,
    focal_length_mm: Annotated[
        float | None,
        typer.Option(min=1, help="35 mm equivalent focal length; default: the photo's EXIF, else 30."),
    ] = None,
    focal_length_px: Annotated[
        float | None, typer.Option(min=1, help="Focal length in pixels of the upright photo.")
    ] = None,
    priority: Annotated[Priority, typer.Option(help="bulk gives way to interactive.")] = Priority.INTERACTIVE,
    delete_after: Annotated[
        str | None,
        typer.Option(metavar="36h|30d", help="Have the service delete the scenes after so long."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that one photo may take.")] = 600,
    parallel: Annotated[int, typer.Option("--parallel", "-j", min=1, max=64, help="Photos at once.")] = 4,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Turn photos into 3D Gaussian splats (.ply), each named after its photo.

    Two photos of the same name become NAME.ply and NAME-2.ply. --force replaces existing splats.

    Exit status: 0 every photo is done, 1 some photo failed, 2 wrong usage, 3 the service cannot be reached,
    130 interrupted.

    Examples:

    * `sharpstream generate kitchen.jpg`
    * `sharpstream generate holiday/*.jpg -o splats --priority bulk`
    * `sharpstream generate photo.heic --focal-length-mm 24 --json | jq -r '.results[].path'`
    """  # noqa: D412 - Markdown wants the blank line
    fields = _fields(priority, focal_length_px, focal_length_mm) | _deleted(delete_after)
    jobs = batch.plan(photos, output, force=force)
    work = batch.Batch(jobs, fields, showing.choose(quiet=as_json), timeout_s=timeout, replace=force)
    raise typer.Exit(batch.carry_out(work, url, api_key, parallel=parallel, as_json=as_json))


def _fields(priority: Priority, px: float | None, mm: float | None) -> dict[str, str]:
    if px is not None and mm is not None:
        raise typer.BadParameter("give --focal-length-px or --focal-length-mm, not both.")
    given = {"focal_length_px": px, "focal_length_mm": mm}
    return {"priority": priority.value} | {
        key: repr(value) for key, value in given.items() if value is not None
    }


def _deleted(after: str | None) -> dict[str, str]:
    try:
        hours = retention.hours("scenes", after) if after else None
    except ValueError as error:
        raise typer.BadParameter(f"--delete-after: {error}.") from error
    return {} if hours is None else {"delete_after_hours": str(hours)}
