"""Finds the service to speak to: what the person said, else the stack that runs on this machine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import typer

from sharpstream.client.api import API
from sharpstream.client.errors import UNREACHABLE, ServiceError
from sharpstream.stack import client as stack
from sharpstream.stack.home import Home, default_root


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """Where it is and the key for it."""

    url: str
    api_key: str


def locate(url: str | None, api_key: str | None) -> Service:
    """Return the service to use; what is not given comes from the stack that runs here.

    That stack's key is never sent to another address. Raises `ServiceError` where nothing runs here, or a
    usage error; each says what to do.
    """
    local = stack.status(Home(default_root()))
    here = local["gateway"]["url"] if local["gateway"] else None
    url = url or here
    if url is None:
        raise ServiceError(
            UNREACHABLE,
            "Nothing runs here: start it with `sharpstream up`, or name a service with --url and --api-key "
            "(SHARPSTREAM_URL, SHARPSTREAM_API_KEY).",
        )
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{url} is not a URL; it begins with http:// or https://.")
    url = url.rstrip("/").removesuffix(API)
    if not api_key and url == here:
        api_key = json.loads(Path(local["credentials_file"]).read_text())["api_key"]
    if not api_key:
        raise typer.BadParameter(f"{url} wants an API key: give --api-key or set SHARPSTREAM_API_KEY.")
    return Service(url=url, api_key=api_key)
