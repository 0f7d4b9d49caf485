"""A webhook receiver that records every delivery by hook. It refuses nothing and removes no duplicates."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import NamedTuple, Self

from aiohttp import web


class Delivery(NamedTuple):
    """One POST. ``digest`` is of its body: the same id must have the same bytes."""

    hook: str
    webhook_id: str
    event_id: str
    digest: str


@dataclass
class Receiver:
    """Listens at ``url(name)`` for each hook; ``taken`` has every delivery."""

    def __post_init__(self) -> None:
        self.taken: list[Delivery] = []
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/{hook}", self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._runner
        await self._runner.cleanup()

    def url(self, hook: str) -> str:
        """Return the address of a hook."""
        return f"http://127.0.0.1:{self.port}/{hook}"

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.taken.append(
            Delivery(
                request.match_info["hook"],
                request.headers["webhook-id"],
                json.loads(body)["id"],
                hashlib.sha256(body).hexdigest(),
            )
        )
        return web.Response(status=204)
