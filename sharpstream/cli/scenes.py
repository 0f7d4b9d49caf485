"""``list``, ``show``, ``share``, ``cancel``, ``delete``: existing scenes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

import typer

from sharpstream.cli import printing, scene_words
from sharpstream.cli.service import Json, Key, Url, locate
from sharpstream.client import Client, Scene
from sharpstream.client.models import Model, SceneSummary

Id = Annotated[str, typer.Argument(metavar="ID", help="The scene's id, from `generate` or `list`.")]
Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="Scenes' ids, from `generate` or `list`.")]
Status = Literal["pending", "processing", "completed", "failed", "cancelled"]
Sort = Literal["newest", "oldest", "name", "largest"]
PAGE = 100


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    app.command("list")(show_all)
    app.command()(show)
    app.command()(share)
    app.command()(cancel)
    app.command()(delete)


def show_all(
    *,
    status: Annotated[Status | None, typer.Option(help="Only these.")] = None,
    name: Annotated[str | None, typer.Option(help="Only those with this in their name or tags.")] = None,
    tag: Annotated[str | None, typer.Option(help="Only those with this tag.")] = None,
    favourite: Annotated[
        bool | None, typer.Option("--favourite/--no-favourite", help="Only favourites, or only others.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only those made by this model.")] = None,
    sort: Annotated[Sort, typer.Option(help="The order.")] = "newest",
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many at most.")] = 20,
    url: Url = None,
    api_key: Key = None,
    as_json: Json = False,
) -> None:
    """List your scenes, newest first unless --sort says otherwise.

    Examples.

    * `sharpstream list`
    * `sharpstream list --name kitchen --sort largest`
    * `sharpstream list --tag may --favourite`
    * `sharpstream list --status failed -n 100 --json | jq -r '.[].error_code'`
    """
    with locate(url, api_key).client() as client:
        wanted: dict[str, Any] = {"status": status, "q": name, "tag": tag, "model": model, "sort": sort}
        if favourite is not None:
            wanted["favourite"] = favourite
        scenes = list(itertools.islice(_every(client, wanted, limit), limit))
    if as_json:
        printing.as_json(scenes)
        return
    columns = {
        "id": lambda scene: scene.id,
        "name": lambda scene: scene.name or "",
        "status": lambda scene: scene.status,
        "made": lambda scene: scene.created_at,
        "seconds": lambda scene: scene.processing_time_seconds,
        "Gaussians": lambda scene: scene.part("result").get("gaussian_count"),
        "tags": lambda scene: ", ".join(scene.tags),
        "error": lambda scene: scene.error_code or "",
    }
    printing.table(scenes, columns, empty="There are no scenes: sharpstream generate photo.jpg")


def _every(client: Client, wanted: dict[str, Any], limit: int) -> Iterator[SceneSummary]:
    cursor = None
    while True:
        page = client.scenes(**wanted, cursor=cursor, limit=min(limit, PAGE))
        yield from page.items
        if (cursor := page.next_cursor) is None:
            return


def show(scene_id: Id, *, url: Url = None, api_key: Key = None, as_json: Json = False) -> None:
    """Show a scene: its status, how long each stage took, where its files are.

    The first look has its picture and its file for web viewers made; they are shown seconds later.

    Example: `sharpstream show 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with locate(url, api_key).client() as client:
        scene = client.scene(scene_id, views=True)
        models = [] if as_json or scene_words.model(scene) is None else client.models()
    if as_json:
        printing.as_json(scene)
        return
    printing.facts(_facts(scene, models))


def _facts(scene: Scene, models: Sequence[Model]) -> dict[str, object]:
    result, queue = scene.part("result"), scene.queue
    stages = scene.timings and {
        name: getattr(scene.timings, name) for name in scene.timings.__struct_fields__
    }
    return {
        "id": scene.id,
        "name": scene.name,
        "tags": ", ".join(scene.tags) or None,
        "favourite": "yes" if scene.favourite else None,
        "repeats": scene.retry_of,
        "status": scene.status,
        "made": scene.created_at,
        "queue position": queue and queue.position,
        "estimated s": queue and queue.estimated_seconds,
        "error": scene.error_message and f"{scene.error_message} [{scene.error_code}]",
        "Gaussians": result.get("gaussian_count"),
        "bytes": result.get("bytes"),
        "model": scene_words.described(scene_words.model(scene)),
        "its licence": scene_words.licence(scene, models),
        "focal length": scene_words.focal_length(scene),
        "size of things": scene_words.scale(scene),
        "likeness": scene_words.likeness(scene),
        "splat": scene.generated_3d_gaussian_url,
        "preview": scene.preview_url,
        "for viewers": scene.viewer_url,
        "photo": scene.original_image_url,
    } | {name.replace("_ms", " ms"): value for name, value in (stages or {}).items()}


def share(
    scene_id: Id,
    *,
    hours: Annotated[
        int, typer.Option(min=1, max=8760, help="Hours until the link expires; default: a week.")
    ] = 168,
    photo: Annotated[bool, typer.Option(help="Show the photo beside the scene.")] = True,
    download: Annotated[bool, typer.Option(help="Allow downloading the splat.")] = False,
    embed: Annotated[
        bool, typer.Option("--embed", help="Print the code that shows it in another page, not the link.")
    ] = False,
    end: Annotated[
        bool, typer.Option("--end", help="End every share of the scene instead of making one.")
    ] = False,
    url: Url = None,
    api_key: Key = None,
    as_json: Json = False,
) -> None:
    """Make a link through which anyone may view a scene.

    Examples.

    * `sharpstream share 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47 --hours 24`
    * `sharpstream share 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47 --no-photo --embed`
    * `sharpstream share 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47 --end`
    """
    with locate(url, api_key).client() as client:
        if end:
            for each in client.shares(scene_id).items:
                client.end_share(each.id)
                printing.line(f"{each.id}: ended.")
            return
        made = client.share(scene_id, expires_in_hours=hours, show_photo=photo, allow_download=download)
    if as_json:
        printing.as_json(made)
    else:
        printing.line(made.embed_html if embed else made.url)


def cancel(scene_ids: Ids, *, url: Url = None, api_key: Key = None) -> None:
    """Cancel scenes. A scene that is nearly done may still be completed; `show` has its status.

    Example: `sharpstream cancel 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    with locate(url, api_key).client() as client:
        for scene_id in scene_ids:
            printing.line(f"{scene_id}: {client.cancel(scene_id).message}")


def delete(
    scene_ids: Ids,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Delete ended scenes with their photos, splats and exports, for good.

    Example: `sharpstream delete 0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47`
    """
    if not yes:
        typer.confirm(f"Delete {len(scene_ids)} scene(s) for good?", abort=True)
    with locate(url, api_key).client() as client:
        for scene_id in scene_ids:
            client.delete_scene(scene_id)
            printing.line(f"{scene_id}: deleted.")
