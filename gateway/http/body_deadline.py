"""A body must arrive within 30 s and one more second for each 64 kB of it, from when it is first read.

A slow line of 64 kB/s sends 50 MiB in time; a body that stops is given up. Nothing else would: uvicorn waits
for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from gateway.errors import DomainError

FIRST_S: Final = 30.0
BYTES_A_SECOND: Final = 64 * 1024


class BodyDeadline:
    """ASGI layer around the application."""

    def __init__(self, app: ASGIApp, first_s: float = FIRST_S) -> None:
        self._app, self._first_s = app, first_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        await self._app(scope, _Body(receive, self._first_s).receive, send)


class _Body:
    """The messages of one request; behind its body only the disconnection comes, whenever that is."""

    def __init__(self, receive: Receive, first_s: float) -> None:
        self._receive, self._first_s = receive, first_s
        self._deadline: float | None = None
        self._whole = False

    async def receive(self) -> Any:
        """Return the next message. Raises `DomainError` body_too_slow."""
        if self._whole:
            return await self._receive()
        loop = asyncio.get_running_loop()
        if self._deadline is None:
            self._deadline = loop.time() + self._first_s
        try:
            async with asyncio.timeout_at(self._deadline):
                message: Any = await self._receive()
        except TimeoutError as error:
            raise DomainError(
                "body_too_slow",
                "The body did not arrive in time; send at least 64 kB a second, or use POST /uploads.",
            ) from error
        self._deadline += len(message.get("body", b"")) / BYTES_A_SECOND
        self._whole = not message.get("more_body", False)
        return message
