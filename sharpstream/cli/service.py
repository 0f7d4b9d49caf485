"""Finds the service and the credentials: from options, the stack on this machine or the last sign-in."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from sharpstream.cli.sign_ins import SignIn, default_path, last_url
from sharpstream.client import Client, Memory, ServiceError, Session, Tokens
from sharpstream.client.errors import SIGNED_OUT, UNREACHABLE
from sharpstream.client.request import API
from sharpstream.stack import client as stack
from sharpstream.stack.state_dir import Home, default_root

Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="SHARPSTREAM_URL",
        help="The service; default: the stack on this machine, else where you signed in last.",
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="SHARPSTREAM_API_KEY",
        help="Its key; default: your sign-in, else the stack's own.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """A service's address, and an API key or a sign-in for it."""

    url: str
    api_key: str | None = None
    sign_in: Session | None = None

    def client(self) -> Client:
        """Return a client; close it by using it as a context manager."""
        return Client(self.url, self.api_key, sign_in=self.sign_in)


def find(url: str | None) -> str:
    """Return the address of the chosen service. Raises `ServiceError`, or a usage error."""
    url = url or _here()[0] or last_url(default_path())
    if url is None:
        raise ServiceError(
            UNREACHABLE,
            "Nothing runs here: start it with `sharpstream up`, or name a service with --url and --api-key "
            "(SHARPSTREAM_URL, SHARPSTREAM_API_KEY).",
        )
    if not url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"{url} is not a URL; it begins with http:// or https://.")
    return url.rstrip("/").removesuffix(API)


def locate(url: str | None, api_key: str | None) -> Service:
    """Return the service for calls open to keys: with the given key, else the sign-in, else the stack's key.

    The stack's key is never sent to another address. Raises `ServiceError` where nothing runs here, or a
    usage error; each says what to do.
    """
    url = find(url)
    if api_key:
        return Service(url=url, api_key=api_key)
    if (session := _signed_in(url)) is not None:
        return Service(url=url, sign_in=session)
    here, known = _here()
    if url != here:
        raise typer.BadParameter(
            f"{url} needs credentials: `sharpstream login`, or give --api-key (SHARPSTREAM_API_KEY)."
        )
    return Service(url=url, api_key=known["api_key"])


def as_person(url: str | None) -> Service:
    """Return the service for calls that need a signed-in person; on the local stack that is its admin.

    Raises `ServiceError` signed_out, or as `find`.
    """
    url = find(url)
    if (session := _signed_in(url)) is not None:
        return Service(url=url, sign_in=session)
    here, known = _here()
    if url != here:
        raise ServiceError(SIGNED_OUT, f"This needs a sign-in: use `sharpstream login --url {url}`.")
    with Client(url) as client:
        tokens = Tokens.of(client.login(known["email"], known["password"]))
    return Service(url=url, sign_in=Session(Memory(tokens)))


def _signed_in(url: str) -> Session | None:
    kept = SignIn(default_path(), url)
    return None if kept.load() is None else Session(kept)


def _here() -> tuple[str | None, dict[str, Any]]:
    """Return the address of the stack that runs on this machine, and its credentials."""
    local = stack.status(Home(default_root()))
    if not local["gateway"]:
        return None, {}
    return local["gateway"]["url"], json.loads(Path(local["credentials_file"]).read_text())
