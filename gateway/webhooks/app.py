"""The webhook role's composition root: the only place that builds its pool, fan-in, sender and health."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import structlog
from faststream import FastStream

from bus.bridges.projection import halt_reason
from bus.bridges.projector import subscribe
from bus.contract import topics
from bus.kafka import tls_check
from bus.kafka.broker import create_broker
from bus.runtime import process, tasks
from bus.runtime.health import HealthServer
from bus.runtime.settings import DatabaseSettings, KafkaSettings, RoleSettings, load
from gateway.settings import OutgoingSettings, WebhookSettings
from gateway.webhooks import housekeeping
from gateway.webhooks.fanin import WakingProjector
from gateway.webhooks.http_session import session
from gateway.webhooks.queue import Queue
from gateway.webhooks.secrets import Sealer
from gateway.webhooks.sender import DAY_S, Sender, SenderLimits
from ledger.db import database
from ledger.db.migrate import check
from ledger.supervise import watched

log = structlog.stdlib.get_logger(__name__)


def main(role: RoleSettings, _options: Namespace) -> int:
    """Deliver with the settings of the environment until SIGTERM. Raises what `create_worker` says."""
    own, outgoing = load(WebhookSettings), load(OutgoingSettings)
    process.run(create_worker(load(KafkaSettings), load(DatabaseSettings), own, role, outgoing).run())
    return process.DONE


def create_worker(
    kafka: KafkaSettings,
    postgres: DatabaseSettings,
    own: WebhookSettings,
    role: RoleSettings,
    outgoing: OutgoingSettings,
) -> FastStream:
    """Return the application, not started: ``await app.run()`` serves until SIGTERM or SIGINT.

    ``run`` raises `ConfigurationError` if Postgres cannot be reached or is not migrated, and the error that
    stopped the fan-in permanently.
    """
    broker = create_broker(kafka, client_id="sharpstream-webhooks")
    started = False

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with (
            database.open_pool(postgres, role="webhooks") as pool,
            session(own, outgoing) as http,
        ):
            async with pool.acquire() as connection:
                await check(connection)
            await tls_check.require(kafka)
            sender = Sender(pool, http, Sealer.of(own), limits(own))
            fan_in = WakingProjector(pool, epoch=kafka.topic_epoch, wake=sender.wake)
            subscribe(
                broker,
                fan_in,
                topics=[topics.EVENTS],
                group=own.group,
                instance_id=own.instance_id,
                max_records=own.max_records,
                gather_s=fan_in.quiet.gather_s,
            )
            async with (
                HealthServer(
                    role.health_host,
                    role.health_port,
                    lambda: started and not halt_reason([fan_in]),
                    note=lambda: halt_reason([fan_in]),
                ),
                watched(app.exit, fan_in.watch(), *beside(pool, own)),
                sending(sender, app),
            ):
                yield
        log.info("stopped")

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


def limits(own: WebhookSettings) -> SenderLimits:
    """Return the sender's limits from the settings."""
    return SenderLimits(
        total=own.in_flight,
        per_endpoint=own.in_flight_per_endpoint,
        timeout_s=own.timeout_seconds,
        lease_s=own.lease_seconds,
        disable_after_s=own.disable_after_days * DAY_S,
    )


def beside(pool: asyncpg.Pool, own: WebhookSettings) -> tuple[Coroutine[Any, Any, None], ...]:
    """Return the coroutines that run next to the sender."""
    queue = Queue(pool, lease_s=own.lease_seconds)
    return (
        housekeeping.counting(queue),
        housekeeping.surveying(queue),
        housekeeping.cleaning(pool, own.retention_days * DAY_S),
    )


@asynccontextmanager
async def sending(sender: Sender, app: FastStream) -> AsyncIterator[None]:
    """Run the sender beside the body; stop the app if it ends. On exit finish deliveries in flight."""
    working = asyncio.create_task(sender.run(), name="webhook-sender")
    working.add_done_callback(lambda _: app.exit())
    try:
        yield
        sender.stop()
        await working
    finally:
        await tasks.end([working])
