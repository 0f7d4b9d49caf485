"""An HTTP server for roles without one: liveness, readiness and metrics, on the role's own event loop.

It answers only while the loop runs, so a stuck role fails its liveness check.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Self

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from bus.runtime import host_metrics  # noqa: F401  (every role with a health port has them)
from bus.runtime.errors import ConfigurationError

READY: Final = Gauge("sharpstream_ready", "1 while the role is ready, as /health/ready says")


class HealthServer:
    """Serves ``/health/live``, ``/health/ready`` and ``/metrics``; a ``port`` of None serves nothing.

    ``ready`` is called at each request, and ``note``, which says what else is going on in the role, for
    people. ``metrics`` renders the metrics as Prometheus text. Use as an async context manager, which
    raises `ConfigurationError` where the port cannot be used.
    """

    def __init__(
        self,
        host: str,
        port: int | None,
        ready: Callable[[], bool | Awaitable[bool]],
        note: Callable[[], str | None] = lambda: None,
        metrics: Callable[[], bytes] = generate_latest,
    ) -> None:
        self._host, self._port, self._ready, self._note = host, port, ready, note
        self._render = metrics
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        if self._port is None:
            return self
        app = web.Application()
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._readiness)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self._port).start()
        except OSError as error:
            raise ConfigurationError(
                f"HEALTH_PORT is {self._port}, which cannot be used: {error.strerror}. Stop what uses it, or"
                " set another."
            ) from error
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def _is_ready(self) -> bool:
        found = self._ready()
        ready = found if isinstance(found, bool) else await found
        READY.set(ready)
        return ready

    async def _readiness(self, _request: web.Request) -> web.Response:
        ready, note = await self._is_ready(), self._note()
        said = {"status": "ready" if ready else "starting"} | ({"note": note} if note else {})
        return web.json_response(said, status=200 if ready else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        await self._is_ready()
        return web.Response(body=self._render(), headers={"Content-Type": CONTENT_TYPE_LATEST})
