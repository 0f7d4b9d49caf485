"""The web page as built from ``web/``: its files in memory, and its Content-Security-Policy.

The files are read once, at the start, so that a process never serves a mix of two builds. Nothing is
compressed while it is served: the build has written ``.br`` and ``.gz`` beside each file.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bus.blobs import Blobs
from bus.runtime.errors import ConfigurationError

INDEX: Final = "index.html"
ENCODINGS: Final = {"br": ".br", "gzip": ".gz"}
"""Content encoding -> file suffix, in order of preference."""
FOREVER: Final = "public, max-age=31536000, immutable"
"""An asset's name has a hash of its content."""
ASK_AGAIN: Final = "no-cache"
_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",  # unknown to Python's list before 3.13
    ".spz": "application/octet-stream",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One file of the page, in each encoding that the build wrote; ``identity`` is always among them."""

    media_type: str
    etag: str
    bodies: Mapping[str, bytes]

    def best(self, accepted: str) -> tuple[str, bytes]:
        """Return encoding and body for an ``Accept-Encoding`` header."""
        wanted = _acceptable(accepted)
        name = next((name for name in ENCODINGS if name in self.bodies and name in wanted), "identity")
        return name, self.bodies[name]


class Web:
    """The page's files by their path below the root; empty where the page was not built."""

    def __init__(self, files: Mapping[str, File], policy: str) -> None:
        self._files, self.policy = files, policy

    @property
    def index(self) -> File | None:
        """The document served at every address of the page."""
        return self._files.get(INDEX)

    @property
    def icon(self) -> File | None:
        """The page's icon."""
        names = (name for name in self._files if name.startswith("assets/icon-") and name.endswith(".svg"))
        return next((self._files[name] for name in names), None)

    def asset(self, name: str) -> File | None:
        """Return a file whose name contains its hash."""
        return self._files.get(f"assets/{name}")

    def api_page(self, name: str) -> File | None:
        """Return a file of the API's page, whose names are fixed."""
        return self._files.get(f"docs/{name}")


async def load(folder: Path | None, blobs: Blobs) -> Web:
    """Read the built page. Raises `ConfigurationError` for a folder without one."""
    if folder is None:
        return Web({}, "")
    files = await asyncio.to_thread(_files, folder)
    return Web(files, policy_for(await store_origin(blobs)))


async def store_origin(blobs: Blobs) -> str:
    """Return the origin from which browsers fetch objects: the beginning of a presigned URL."""
    parts = urlsplit(await blobs.presign("a"))
    return f"{parts.scheme}://{parts.netloc}"


def policy_for(store: str) -> str:
    """Return the page's Content-Security-Policy, which allows connections to us and the store only.

    Spark decodes and sorts with WebAssembly in workers made from blobs; blob: images are photos that the user
    has just chosen.
    """
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self' 'wasm-unsafe-eval'",
            "worker-src blob:",
            "style-src 'self'",
            f"img-src 'self' blob: {store}",
            f"connect-src 'self' {store}",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        ]
    )


def _files(folder: Path) -> dict[str, File]:
    if not (folder / INDEX).is_file():
        raise ConfigurationError(
            f"GATEWAY_PAGE is {folder}, and there is no {INDEX}: build the page (npm run build in web/)"
            " or leave the key out."
        )
    endings = tuple(ENCODINGS.values())
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(endings)]
    return {path.relative_to(folder).as_posix(): _read(path) for path in paths}


def _read(path: Path) -> File:
    body = path.read_bytes()
    beside = {name: path.with_name(path.name + ending) for name, ending in ENCODINGS.items()}
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return File(
        media_type=media_type,
        etag=f'"{hashlib.sha256(body).hexdigest()[:24]}"',
        bodies={"identity": body}
        | {name: other.read_bytes() for name, other in beside.items() if other.is_file()},
    )


def _acceptable(header: str) -> set[str]:
    """Return the encodings that a client accepts; ``q=0`` excludes one."""
    offers = [offer.strip().lower().partition(";") for offer in header.split(",")]
    return {name.strip() for name, _, weight in offers if weight.replace(" ", "") not in {"q=0", "q=0.0"}}
