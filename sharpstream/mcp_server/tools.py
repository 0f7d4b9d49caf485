"""The tools. Their signatures are the schemas that a model sees, their docstrings what it reads of them."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, Final, Literal, ParamSpec, TypeVar
from uuid import UUID

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from bus.runtime.errors import SharpstreamError
from sharpstream.client import AsyncClient, Export, Scene, ServiceError
from sharpstream.mcp_server import files
from sharpstream.mcp_server.answers import (
    ExportAnswer,
    FormatAnswer,
    FormatListAnswer,
    SceneAnswer,
    SceneListAnswer,
    ShareAnswer,
)
from sharpstream.mcp_server.following import Rising, ended

P = ParamSpec("P")
T = TypeVar("T")
_URLS: Final = ("http://", "https://")
_MOST_WAIT_S: Final = 3600
_DOWNLOAD: Final = 0.8
"""The part of an export's progress after which its file is fetched."""

SceneId = Annotated[UUID, Field(description="The scene's id.")]
Seconds = Annotated[float, Field(ge=1, le=_MOST_WAIT_S, description="How long to wait at most.")]


def _sentences(tool: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """Make of our own errors what a model reads: the sentence, and the code in brackets."""

    @functools.wraps(tool)
    async def worded(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return await tool(*args, **kwargs)
        except SharpstreamError as error:
            raise ToolError(f"{error.message} [{error.code}]") from error

    return worded


class Tools:
    """The tools of one server; ``connect`` gives the client at the first use, which they share."""

    def __init__(self, connect: Callable[[], AsyncClient], folder: files.Folder) -> None:
        self._connect, self._folder = connect, folder
        self._made: AsyncClient | None = None

    @property
    def _client(self) -> AsyncClient:
        if self._made is None:
            self._made = self._connect()
        return self._made

    async def close(self) -> None:
        """Close the client."""
        if self._made is not None:
            await self._made.__aexit__(None, None, None)

    @_sentences
    async def generate_scene(
        self,
        ctx: Context[Any, Any],
        *,
        photo: Annotated[
            str,
            Field(
                min_length=1,
                max_length=4096,
                description="Absolute path of a photo on this machine, or an http(s) URL for the service.",
            ),
        ],
        name: Annotated[
            str | None, Field(max_length=120, description="The scene's name; default: the file's.")
        ] = None,
        focal_length_mm: Annotated[
            float | None,
            Field(gt=0, le=2000, description="35 mm equivalent; default: the photo's EXIF, else 30."),
        ] = None,
        wait: Annotated[bool, Field(description="Wait until it has ended; else return at once.")] = True,
        timeout_s: Seconds = 600,
    ) -> SceneAnswer:
        """Turn one photo into a metric 3D scene of Gaussians, and wait for it with progress.

        JPEG, PNG, WebP, HEIC, AVIF or TIFF. Takes seconds to minutes.
        """
        client, metadata = self._client, None if name is None else {"name": name}
        if photo.startswith(_URLS):
            accepted = await client.generate_from(
                image_url=photo, metadata=metadata, focal_length_mm=focal_length_mm
            )
        else:
            path = files.photo(photo)
            accepted = await client.generate(path, metadata=metadata, focal_length_mm=focal_length_mm)
        if not wait:
            return SceneAnswer.of(await client.scene(accepted.generation_id))
        return await self._ended(ctx, accepted.generation_id, timeout_s)

    @_sentences
    async def wait_for_scene(
        self, ctx: Context[Any, Any], scene_id: SceneId, timeout_s: Seconds = 600
    ) -> SceneAnswer:
        """Wait until a scene has ended, with progress, and return it. One that failed is an error."""
        return await self._ended(ctx, str(scene_id), timeout_s)

    @_sentences
    async def list_scenes(
        self,
        status: Annotated[
            Literal["pending", "processing", "completed", "failed", "cancelled"] | None,
            Field(description="Only these."),
        ] = None,
        name: Annotated[
            str | None, Field(max_length=120, description="Only those with this in their name.")
        ] = None,
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
        cursor: Annotated[
            str | None, Field(max_length=128, description="next_cursor of the page before.")
        ] = None,
    ) -> SceneListAnswer:
        """List the account's scenes, newest first."""
        page = await self._client.scenes(status=status, q=name, limit=limit, cursor=cursor)
        return SceneListAnswer(
            scenes=[SceneAnswer.of_list(scene) for scene in page.items], next_cursor=page.next_cursor
        )

    @_sentences
    async def get_scene(self, scene_id: SceneId) -> SceneAnswer:
        """Return one scene as it is now: its status, its size and the link to its splat."""
        return SceneAnswer.of(await self._client.scene(str(scene_id)))

    @_sentences
    async def list_export_formats(self) -> FormatListAnswer:
        """List the formats that a scene can be exported to, what each is for, and its options."""
        found = await self._client.export_formats()
        return FormatListAnswer(formats=[FormatAnswer.of(each) for each in found.items])

    @_sentences
    async def export_scene(
        self,
        ctx: Context[Any, Any],
        *,
        scene_id: SceneId,
        format: Annotated[str, Field(max_length=40, description="One of list_export_formats.")],  # noqa: A002
        options: Annotated[
            dict[str, str | int | float | bool] | None, Field(description="Options of the format.")
        ] = None,
        save_as: Annotated[
            str | None,
            Field(
                description="Also save the file under this name, or path, below the server's folder, never"
                " over another file. The format's ending is added where it lacks."
            ),
        ] = None,
        timeout_s: Seconds = 600,
    ) -> ExportAnswer:
        """Convert a completed scene into another format, wait for the file, and save it where asked."""
        client, progress = self._client, Rising(ctx.report_progress)
        target = None if save_as is None else self._folder.target(save_as, await self._suffix(format))
        await progress.at(0.0, "accepted")
        accepted = await client.export(str(scene_id), format, options=options)
        await progress.at(0.1, "converting")
        made = _whole(await client.wait_export(accepted.export_id, timeout_s=timeout_s))
        await progress.at(_DOWNLOAD, "made" if target is None else "saving")
        answer = ExportAnswer.of(made) if target is None else await self._saved(made, target)
        await progress.at(1.0, "done")
        return answer

    @_sentences
    async def share_scene(
        self,
        *,
        scene_id: SceneId,
        expires_in_hours: Annotated[int, Field(ge=1, le=8760, description="How long the link works.")] = 168,
        show_photo: Annotated[bool, Field(description="Show the photo too.")] = True,
        allow_download: Annotated[bool, Field(description="Let viewers download the splat.")] = False,
    ) -> ShareAnswer:
        """Make a link that shows the scene without an account to anyone who has it, until it expires."""
        made = await self._client.share(
            str(scene_id),
            expires_in_hours=expires_in_hours,
            show_photo=show_photo,
            allow_download=allow_download,
        )
        return ShareAnswer.of(made)

    async def _ended(self, ctx: Context[Any, Any], scene_id: str, timeout_s: float) -> SceneAnswer:
        progress = Rising(ctx.report_progress)
        scene = await ended(self._client, scene_id, progress, timeout_s=timeout_s)
        _require_splat(scene)
        await progress.at(1.0, "completed")
        return SceneAnswer.of(scene)

    async def _suffix(self, name: str) -> str:
        wanted = name.strip().lower().replace("-", "_")
        formats = (await self._client.export_formats()).items
        for found in formats:
            if found.name == wanted:
                return found.extension
        raise ServiceError(
            "format_unknown",
            f"There is no format {name}; there are: {', '.join(each.name for each in formats)}.",
        )

    async def _saved(self, made: Export, target: Path) -> ExportAnswer:
        url = made.export_file_url or ""
        size, digest = await self._folder.write(
            target, lambda file: self._client.download(url, file, files.limited)
        )
        return ExportAnswer.of(made, path=str(target), bytes=size, sha256=digest)


def _require_splat(scene: Scene) -> None:
    if scene.status == "failed":
        raise ServiceError(
            scene.error_code or "failed", scene.error_message or "The scene could not be made."
        )
    if scene.status == "cancelled":
        raise ServiceError("cancelled", f"Scene {scene.id} was cancelled before it had a result.")


def _whole(made: Export) -> Export:
    if made.status != "completed" or made.export_file_url is None:
        raise ServiceError(made.error_code or "export_failed", made.error_message or "The export failed.")
    return made
