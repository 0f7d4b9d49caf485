"""The ledger's composition root: builds the pool, the projectors, health checks and periodic work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from faststream import FastStream

from bus.bridges.projection import halt_reason
from bus.kafka import tls_check
from bus.kafka.broker import create_broker
from bus.runtime.health import HealthServer
from ledger import handlers, stored_counts
from ledger.db import database
from ledger.db.migrate import check
from ledger.invariant_monitor import inspect
from ledger.lag import LagMeter, readers
from ledger.log_retention import LogRetention
from ledger.lost_jobs import LostJobs, kinds
from ledger.settings import Settings
from ledger.supervise import watched


def create_app(settings: Settings) -> FastStream:
    """Return the application, not started: ``await app.run()`` serves until SIGTERM or SIGINT.

    Raises from ``run``: `ConfigurationError` where Postgres cannot be reached or is not migrated, and the
    error that stopped a projector for good.
    """
    broker = create_broker(settings.kafka, client_id="sharpstream-ledger")
    started = False

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        role = settings.role
        async with database.open_pool(settings.database, role="ledger") as pool:
            async with pool.acquire() as connection:
                await check(connection)
            await tls_check.require(settings.kafka)
            lost = LostJobs(pool, settings.kafka, kinds(settings.groups))
            projectors = handlers.register(broker, pool, settings)
            async with (
                HealthServer(
                    role.health_host,
                    role.health_port,
                    lambda: started and not halt_reason(projectors),
                    note=lambda: halt_reason(projectors),
                ),
                watched(
                    app.exit,
                    *(projector.watch() for projector in projectors),
                    inspect(pool, every_s=settings.ledger.check_seconds),
                    lost.run(every_s=settings.ledger.lost_seconds),
                    LagMeter(pool, settings.kafka, readers(settings.groups)).run(),
                    stored_counts.count(pool),
                    LogRetention(pool, settings.ledger.event_log_days).run(),
                ),
            ):
                yield

    app = FastStream(broker, logger=None, lifespan=lifespan)

    @app.after_startup
    def up() -> None:
        nonlocal started
        started = True

    @app.on_shutdown
    def down() -> None:
        nonlocal started
        started = False

    return app
