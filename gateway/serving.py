"""Serves HTTP until SIGTERM, which is a graceful shutdown with exit status 0."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

import structlog
import uvicorn

from bus.kafka import tls_check
from bus.runtime import process
from bus.runtime.errors import SharpstreamError
from bus.runtime.health import HealthServer
from bus.runtime.settings import RoleSettings
from gateway.app import create_app
from gateway.http import socket_options
from gateway.http.client_address import TrustedProxies
from gateway.http.connection_limits import ConnectionLimits, LimitedProtocol
from gateway.metrics import Metrics
from gateway.settings import Settings
from gateway.streaming.hub import Hub
from gateway.streaming.waiters import Waiters
from gateway.system import health_routes

KEEP_ALIVE_S: Final = 75
"""Longer than a load balancer's idle timeout (60 s), so that it never reuses a connection closed here."""
GRACE_S: Final = 20
"""Seconds that requests in flight have to finish when the process is asked to stop."""
_log = structlog.stdlib.get_logger(__name__)


class BackgroundEndedError(SharpstreamError):
    """Work that never ends by itself has ended: the process ends, and its supervisor starts a new one."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, which ends the process by the signal instead of with 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(given: Settings, role: RoleSettings) -> None:
    """Serve HTTP until SIGTERM or SIGINT.

    Raises `ConfigurationError` where Postgres or the port cannot be used.
    """
    own = given.gateway
    if said := await asyncio.to_thread(tls_check.trouble, given.kafka):
        _log.error("kafka_tls_failed", error=said)  # photos are accepted meanwhile and wait in the outbox
    app = create_app(given)
    socket_options.allow_many()
    limits = ConnectionLimits(TrustedProxies(own.trusted_proxies), per_address=own.connections_per_address)
    config = uvicorn.Config(
        app,
        host=own.host,
        port=own.port,
        lifespan="off",  # opened below, so that a failure to start is reported by us
        log_config=None,
        log_level="warning",  # our own log events record when it serves and stops
        access_log=False,
        server_header=False,
        proxy_headers=False,  # `gateway.http.client_address` believes the proxies that the operator names
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        backlog=socket_options.BACKLOG,
        http=partial(LimitedProtocol, limits=limits),  # type: ignore[arg-type]  # whatever makes a protocol
    )
    server = _Server(config)
    async with app.lifespan():
        hub: Hub = app.state["hub"]
        waiters: Waiters = app.state["waiters"]
        metrics: Metrics = app.state["metrics"]

        def stop() -> None:
            hub.close()  # open streams would delay the shutdown by the whole of GRACE_S
            waiters.close()
            server.should_exit = True

        async def ready() -> bool:
            return await health_routes.states(app.state["pool"], app.state["blobs"]) == ("ok", "ok")

        background: asyncio.Task[None] = app.state["background"]
        background.add_done_callback(lambda _: stop())
        health = HealthServer(role.health_host, role.health_port, ready, metrics=metrics.render)
        async with health, process.stop_on_signal(stop):
            _log.info("serving", host=own.host, port=own.port)
            listening = socket_options.listening(own.host, own.port)
            await server.serve(sockets=socket_options.descriptors(listening))
        if background.done():
            _log.error("background_work_ended")
            background.result()
            raise BackgroundEndedError("Background work ended; the process is started anew.")
    _log.info("stopped")
