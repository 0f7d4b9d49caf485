"""Builds the server: which tools there are, and what a model learns of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from mcp.server.mcpserver import MCPServer
from mcp.types import ToolAnnotations

from sharpstream.client import AsyncClient
from sharpstream.mcp_server.files import Folder
from sharpstream.mcp_server.tools import Tools

INSTRUCTIONS: Final = (
    "Sharpstream turns one photo into a metric 3D scene of Gaussians (a splat). generate_scene sends a photo"
    " and by default waits for the scene. export_scene converts a completed scene, into a mesh, a video, a"
    " depth map, a stereo pair or a page that needs no network among others, and can save the file."
    " share_scene makes a link that shows the scene without an account: ask before you share. Every error"
    " says what to do and ends with its code in brackets."
)
_READS: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_MAKES: Final = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_SHOWS: Final = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=True)


def build(connect: Callable[[], AsyncClient], folder: Path) -> MCPServer[Any]:
    """Return the server, not running.

    ``connect`` is called at the first use, so that a service may start later than the assistant does; it
    raises `ServiceError` where it finds none. Files are written below ``folder`` only.
    """
    tools = Tools(connect, Folder(folder))

    @asynccontextmanager
    async def lifespan(_: MCPServer[Any]) -> AsyncIterator[None]:
        try:
            yield None
        finally:
            await tools.close()

    server = MCPServer[Any](
        "sharpstream",
        title="Sharpstream",
        instructions=INSTRUCTIONS,
        version=version("sharpstream"),
        log_level="WARNING",
        lifespan=lifespan,
    )
    for tool, title, hints in (
        (tools.generate_scene, "Turn a photo into a 3D scene", _MAKES),
        (tools.wait_for_scene, "Wait for a scene", _READS),
        (tools.list_scenes, "List scenes", _READS),
        (tools.get_scene, "Show a scene", _READS),
        (tools.list_export_formats, "List export formats", _READS),
        (tools.export_scene, "Export a scene", _MAKES),
        (tools.share_scene, "Share a scene by a link", _SHOWS),
    ):
        server.add_tool(tool, title=title, annotations=hints)
    return server
