"""The addresses of a share, and the code by which another page shows it."""

from __future__ import annotations

from html import escape
from typing import Final

WIDTH: Final = 960
HEIGHT: Final = 640
"""Pixels of a frame where the page that holds it wants no other size."""


class Links:
    """Builds addresses below the service's public URL."""

    def __init__(self, public_url: str) -> None:
        self.base = public_url.rstrip("/")

    def page(self, token: str) -> str:
        """Return the page of the shared scene."""
        return f"{self.base}/s/{token}"

    def album(self, token: str) -> str:
        """Return the page of several shared scenes."""
        return f"{self.base}/a/{token}"

    def embed(self, token: str) -> str:
        """Return the page without surroundings, for frames."""
        return f"{self.base}/embed/{token}"

    def picture(self, token: str, suffix: str) -> str:
        """Return the scene's picture, ``webp`` or ``jpg``: unsigned, for link previews."""
        return f"{self.page(token)}/preview.{suffix}"

    def token_in(self, url: str) -> str | None:
        """Return the token in an address of `page` or `embed`; None for any other."""
        for begin in (self.page(""), self.embed("")):
            if url.startswith(begin):
                return url.removeprefix(begin).partition("?")[0].partition("#")[0].rstrip("/")
        return None

    def frame(self, token: str, width: int = WIDTH, height: int = HEIGHT, title: str = "A 3D scene") -> str:
        """Return the code that shows the scene in another page."""
        return (
            f'<iframe src="{escape(self.embed(token))}" title="{escape(title)}" width="{width}"'
            f' height="{height}" style="border:0;max-width:100%" loading="lazy"'
            ' allow="fullscreen; gyroscope; accelerometer; xr-spatial-tracking" allowfullscreen></iframe>'
        )
