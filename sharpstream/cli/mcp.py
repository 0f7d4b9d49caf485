"""``mcp``: lets an assistant on this machine use the service, by the Model Context Protocol."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from sharpstream.cli.service import Key, Url, locate
from sharpstream.client import AsyncClient, ServiceError


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(mcp)


def mcp(
    *,
    folder: Annotated[
        Path,
        typer.Option(
            envvar="SHARPSTREAM_MCP_FOLDER",
            file_okay=False,
            help="The only folder below which it writes files; made with the first one.",
        ),
    ] = Path("~/Sharpstream"),
    url: Url = None,
    api_key: Key = None,
) -> None:
    """Serve the Model Context Protocol on standard input and output, for an assistant that starts it.

    It has tools to generate, wait for, list, show, export and share scenes. docs/mcp.md has the configuration
    of common assistants; by itself the command shows nothing and waits for a client.

    Example: `sharpstream mcp --folder ~/scenes`
    """
    if find_spec("mcp") is None:
        raise ServiceError(
            "mcp_missing",
            "The MCP server needs the extra mcp: install `sharpstream[mcp]`, or run `make up` once.",
        )
    from sharpstream.mcp_server import build  # noqa: PLC0415  (half a second that no other verb should take)

    def connect() -> AsyncClient:
        try:
            found = locate(url, api_key)
        except typer.BadParameter as error:
            raise ServiceError("credentials_missing", error.message) from error
        return AsyncClient(found.url, found.api_key, sign_in=found.sign_in)

    build(connect, folder).run("stdio")
