"""HEAD is answered as GET without the body (RFC 9110, 9.3.2), for monitors, link checkers and ``curl -I``.

The handler runs as for GET, because the headers depend on it. A stream is left as soon as it has begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

_GONE: Final = {"type": "http.disconnect"}


class HeadAsGet:
    """ASGI layer around the application's routes."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        as_get: Any = {**scope, "method": "GET"}
        answer = _WithoutBody(receive, send, lambda: scope.update(as_get | {"method": "HEAD"}))
        await self._app(as_get, answer.receive, answer.send)


class _WithoutBody:
    """One answer: after its head, the application finds the client gone."""

    def __init__(self, receive: Receive, send: Send, found: Callable[[], None]) -> None:
        self._receive, self._send, self._found = receive, send, found
        self._ended = asyncio.Event()

    async def send(self, message: Any) -> None:
        """Pass the head on, and end the answer where its body begins."""
        if message["type"] == "http.response.start":
            self._found()  # outer layers name the route in logs, spans and metrics
            await self._send(message)
        elif message["type"] == "http.response.body" and not self._ended.is_set():
            self._ended.set()
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def receive(self) -> Any:
        """Return the client's next message, or that it is gone once the head was sent."""
        asked = asyncio.ensure_future(self._receive())
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait({asked, ended}, return_when=asyncio.FIRST_COMPLETED)
            return _GONE if self._ended.is_set() else await asked
        finally:
            asked.cancel()
            ended.cancel()
