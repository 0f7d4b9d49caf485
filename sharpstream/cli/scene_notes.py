"""``scenes``: rename, tag, mark, try again, pack and show several of your scenes."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from sharpstream.cli import printing
from sharpstream.cli.scenes import Id, Ids, show_all
from sharpstream.cli.service import Json, Key, Url, locate
from sharpstream.client import Client, ServiceError
from sharpstream.client.errors import FILE_NOT_WRITTEN

MOST = 100
"""Scenes of one request."""


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    group = typer.Typer(help="Name, tag, repeat, pack and show your scenes.", no_args_is_help=True)
    group.command("list")(show_all)
    group.command()(rename)
    group.command()(tag)
    group.command()(tags)
    group.command()(favourite)
    group.command()(retry)
    group.command("zip")(pack)
    group.command()(album)
    app.add_typer(group, name="scenes")


def rename(
    scene_id: Id,
    name: Annotated[str, typer.Argument(help="Its new name; an empty one removes it.")],
    *,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Give a scene another name.

    Example: `sharpstream scenes rename 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47 "The kitchen in May"`
    """
    with locate(url, api_key).client() as client:
        made = client.change_scene(scene_id, name=name)
    printing.line(f"{made.id}: {made.name or 'without a name'}.")


def tag(
    scene_ids: Ids,
    *,
    add: Annotated[list[str] | None, typer.Option("--add", help="A tag to add; may be repeated.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", help="A tag to remove; may be repeated.")
    ] = None,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Add tags to scenes, or remove them.

    Example: `sharpstream scenes tag 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47 --add kitchen --add may`
    """
    if not add and not remove:
        raise typer.BadParameter("give --add or --remove.")
    with locate(url, api_key).client() as client:
        good = [
            _on_all(client, action, scene_ids, tags=each)
            for action, each in (("tag", add), ("untag", remove))
            if each
        ]
    raise typer.Exit(0 if all(good) else 1)


def tags(*, url: Url = None, api_key: Key = None, as_json: Json = False) -> None:
    """List the tags of your scenes, and how many scenes have each.

    Example: `sharpstream scenes tags`
    """
    with locate(url, api_key).client() as client:
        found = client.tags().items
    if as_json:
        printing.as_json(found)
        return
    columns = {"tag": lambda each: each.tag, "scenes": lambda each: each.scenes}
    printing.table(found, columns, empty="No scene has a tag: sharpstream scenes tag ID --add TAG")


def favourite(
    scene_ids: Ids,
    *,
    off: Annotated[bool, typer.Option("--off", help="They are favourites no longer.")] = False,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Mark scenes as favourites.

    Example: `sharpstream scenes favourite 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with locate(url, api_key).client() as client:
        good = _on_all(client, "unfavourite" if off else "favourite", scene_ids)
    raise typer.Exit(0 if good else 1)


def _on_all(client: Client, action: str, scene_ids: list[str], tags: list[str] | None = None) -> bool:
    """Carry out the action on all scenes; return whether each is done, and print those that are not."""
    failed = 0
    for at in range(0, len(scene_ids), MOST):
        answer = client.change_scenes(action, scene_ids[at : at + MOST], tags=tags or [])
        failed += answer.failed
        for each in answer.items:
            said = "done." if each.done else f"{each.message} [{each.code}]"
            printing.line(f"{each.id}: {said}", err=not each.done)
    return failed == 0


def retry(
    scene_id: Id,
    *,
    focal_length_mm: Annotated[
        float | None, typer.Option(min=1, help="35 mm equivalent focal length; default: the photo's EXIF.")
    ] = None,
    focal_length_px: Annotated[
        float | None, typer.Option(min=1, help="Focal length in pixels of the upright photo.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model; default: the one that runs.")] = None,
    url: Url = None,
    api_key: Key = None,
    as_json: Json = False,
) -> None:
    """Process a scene's photo again, as a new scene; the old one stays as it is.

    Example: `sharpstream scenes retry 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47 --focal-length-mm 24`
    """
    if focal_length_px is not None and focal_length_mm is not None:
        raise typer.BadParameter("give --focal-length-px or --focal-length-mm, not both.")
    with locate(url, api_key).client() as client:
        made = client.retry(
            scene_id, focal_length_mm=focal_length_mm, focal_length_px=focal_length_px, model=model
        )
    if as_json:
        printing.as_json(made)
    else:
        printing.line(made.generation_id)


def pack(
    scene_ids: Ids,
    *,
    format: Annotated[  # noqa: A002
        str, typer.Option(help="result: the splats; or a format, whose newest exports are packed.")
    ] = "result",
    output: Annotated[Path, typer.Option("--output", "-o", dir_okay=False, help="The file.")] = Path(
        "scenes.zip"
    ),
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Download the files of several scenes as one zip.

    Example: `sharpstream scenes zip ID ID ID -o kitchen.zip`
    """
    part = output.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with locate(url, api_key).client() as client:
            made = client.archive(scene_ids, format=format)
            for each in made.left_out:
                printing.line(f"{each.id}: {each.message} [{each.code}]", err=True)
            with part.open("wb") as file:
                client.download(made.url, file)
        part.replace(output)
    except OSError as error:
        raise ServiceError(FILE_NOT_WRITTEN, f"{output} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)
    printing.line(output)
    raise typer.Exit(1 if made.left_out else 0)


def album(
    scene_ids: Ids,
    *,
    title: Annotated[str, typer.Option(help="What the album is called.")],
    hours: Annotated[
        int, typer.Option(min=1, max=8760, help="Hours until the link expires; default: a week.")
    ] = 168,
    photo: Annotated[bool, typer.Option(help="Show the photos beside the scenes.")] = True,
    download: Annotated[bool, typer.Option(help="Allow downloading the splats.")] = False,
    url: Url = None,
    api_key: Key = None,
    as_json: Json = False,
) -> None:
    """Make one link through which anyone may view several scenes.

    Example: `sharpstream scenes album ID ID ID --title "Our flat"`
    """
    with locate(url, api_key).client() as client:
        made = client.create_album(
            title, scene_ids, expires_in_hours=hours, show_photo=photo, allow_download=download
        )
    if as_json:
        printing.as_json(made)
    else:
        printing.line(made.url)
