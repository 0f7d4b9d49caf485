"""Runs the processes: HTTP, relay, webhooks, partners. SIGTERM: graceful shutdown, exit status 0."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Final

import structlog
import uvicorn

from bus.bridges.relay import Relay
from bus.runtime.errors import SharpstreamError
from bus.runtime.health import HealthServer
from bus.runtime.settings import DatabaseSettings, KafkaSettings, RoleSettings
from gateway.app import create_app
from gateway.http import socket_options
from gateway.http.client_address import TrustedProxies
from gateway.http.connection_limits import ConnectionLimits, LimitedProtocol
from gateway.metrics import Metrics
from gateway.partners.app import PartnersRole
from gateway.settings import OutgoingSettings, RelaySettings, Settings, WebhookSettings
from gateway.streaming.hub import Hub
from gateway.streaming.waiters import Waiters
from gateway.system import health_routes
from gateway.webhooks.app import create_worker

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


async def serve(settings: Settings, role: RoleSettings) -> None:
    """Serve HTTP until SIGTERM or SIGINT.

    Raises `ConfigurationError` where Postgres or the port cannot be used.
    """
    own = settings.gateway
    app = create_app(settings)
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
        async with health, _stop_on_signal(stop):
            _log.info("serving", host=own.host, port=own.port)
            await server.serve(sockets=[socket_options.listening(own.host, own.port)])
        if background.done():
            _log.error("background_work_ended")
            background.result()
            raise BackgroundEndedError("Background work ended; the process is started anew.")
    _log.info("stopped")


async def relay(
    kafka: KafkaSettings, database: DatabaseSettings, own: RelaySettings, role: RoleSettings
) -> None:
    """Publish the outbox to Kafka until SIGTERM or SIGINT. Raises `FencedError`: restart the process."""
    carrier = Relay(kafka, database.url.get_secret_value(), lease_s=own.lease_seconds)
    stopping: list[asyncio.Task[None]] = []

    def stop() -> None:
        stopping.append(asyncio.ensure_future(carrier.stop()))

    async with (
        HealthServer(role.health_host, role.health_port, lambda: carrier.ready),
        _stop_on_signal(stop),
    ):
        await carrier.run()
        await asyncio.gather(*stopping)
    _log.info("stopped")


async def webhooks(
    kafka: KafkaSettings,
    database: DatabaseSettings,
    own: WebhookSettings,
    role: RoleSettings,
    outgoing: OutgoingSettings,
) -> None:
    """Deliver webhooks until SIGTERM or SIGINT. Raises the error that stopped the fan-in for good."""
    await create_worker(kafka, database, own, role, outgoing).run()


async def partners(role: PartnersRole) -> None:
    """Carry partners' commands in and events out until SIGTERM or SIGINT. Raises `FencedError`."""
    stopping = asyncio.Event()
    async with _stop_on_signal(stopping.set):
        await role.run(stopping)


@asynccontextmanager
async def _stop_on_signal(stop: Callable[[], None]) -> AsyncIterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
