"""The export consumer's composition root: two processors, the projector of events, health.

Users' exports and the system's own each have a processor with its own group, retries and slots. However many
automatic exports are pending, a user's export does not wait behind them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import asyncpg
from faststream import FastStream
from faststream.kafka import KafkaBroker

from bus.blobs import BlobStore
from bus.bridges.projection import halt_reason
from bus.bridges.projector import Projector, RawRecord, subscribe
from bus.bridges.quiet import Quiet, QuietProjector
from bus.contract import topics
from bus.kafka import tls_check
from bus.kafka.broker import create_broker
from bus.kafka.processor import Processor
from bus.runtime import logs, process, telemetry
from bus.runtime.health import HealthServer
from bus.runtime.turns import Turns
from export_consumer import export_projection, settings
from export_consumer.handlers import Exports
from export_consumer.pool import converting
from export_consumer.settings import Settings
from ledger.batch_writer import Intake
from ledger.db import database
from ledger.db.migrate import check
from ledger.supervise import watched

IN_HAND: Final = 32
"""Users' exports taken from Kafka at once, among which accounts take turns; a waiting one holds no file."""


def serve() -> int:
    """Serve until SIGTERM or SIGINT; return 0."""
    stated = settings.read()
    logs.configure("export", stated.role.log_level)
    with telemetry.exporting("export"):
        process.run(create_app(stated).run())
    return process.DONE


def create_app(settings: Settings) -> FastStream:
    """Return the application, not started: ``await app.run()`` serves until SIGTERM or SIGINT.

    ``run`` raises `ConfigurationError` if Postgres cannot be reached or is not migrated, and the error that
    ended a processor, such as `FencedError`.
    """
    broker = create_broker(settings.kafka, client_id="sharpstream-export")

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with (
            _pool(settings) as pool,
            BlobStore(settings.s3) as blobs,
            converting(settings.converter) as converter,
        ):
            await tls_check.require(settings.kafka)
            projector = _job_projector(broker, pool, settings)
            turns, role = Turns(settings.export.max_in_flight), settings.role
            of_users = Exports(blobs, converter, turns=turns)
            asked, own = _processors(settings, of_users, Exports(blobs, converter))
            async with (
                HealthServer(
                    role.health_host,
                    role.health_port,
                    lambda: asked.ready and own.ready and not halt_reason([projector]),
                    note=lambda: halt_reason([projector]),
                ),
                watched(app.exit, projector.watch()),
                _running(asked, app.exit),
                _running(own, app.exit),
            ):
                yield

    app = FastStream(broker, logger=None, lifespan=lifespan)
    return app


@asynccontextmanager
async def _running(processor: Processor, stop: Callable[[], None]) -> AsyncIterator[None]:
    """Run the processor beside the body, then stop it gracefully. Raises the error that ended it."""
    working = asyncio.create_task(processor.run())
    working.add_done_callback(lambda _: stop())
    try:
        yield
    finally:
        await processor.stop()
        await working


@asynccontextmanager
async def _pool(settings: Settings) -> AsyncIterator[asyncpg.Pool]:
    async with database.open_pool(settings.database, role="export") as pool:
        async with pool.acquire() as connection:
            await check(connection)
        yield pool


def _processors(settings: Settings, of_users: Exports, automatic: Exports) -> tuple[Processor, Processor]:
    """Return the processors of users' exports and of the system's own."""
    options = settings.export
    each = partial(
        Processor,
        settings.kafka,
        dead=topics.EXPORT_DEAD,
        instance_id=options.instance_id,
    )
    asked = each(
        group=options.group,
        topics=[topics.EXPORT_COMMANDS],
        retries=topics.EXPORT_RETRIES,
        handle=of_users.handle,
        give_up=of_users.give_up,
        max_in_flight=max(IN_HAND, options.max_in_flight),
    )
    own = each(
        group=options.background_group,
        topics=[topics.BACKGROUND_COMMANDS],
        retries=topics.BACKGROUND_RETRIES,
        handle=automatic.handle,
        give_up=automatic.give_up,
        # One worker is reserved for users; if there is only one, they wait for at most one conversion.
        max_in_flight=max(1, settings.converter.workers - 1),
    )
    return asked, own


def _job_projector(broker: KafkaBroker, pool: asyncpg.Pool, settings: Settings) -> Projector:
    epoch, options = settings.kafka.topic_epoch, settings.export
    write = export_projection.ExportJobs(bucket=settings.s3.bucket).write
    inputs = (topics.EVENTS, topics.BACKGROUND_ENDINGS)
    intakes = {
        topic.name: Intake(topic, projector=export_projection.PROJECTOR, epoch=epoch, write=write)
        for topic in inputs
    }

    async def apply(connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
        for name, intake in intakes.items():
            if mine := [record for record in records if record.topic == name]:
                await intake.apply(connection, mine)

    quiet = Quiet(pool, export_projection.IN_HAND, busy_s=0.1, quiet_s=0.5)
    projector = QuietProjector(pool, quiet, name=export_projection.PROJECTOR, epoch=epoch, apply=apply)
    subscribe(
        broker,
        projector,
        topics=inputs,
        group=options.jobs_group,
        instance_id=options.instance_id,
        max_records=options.max_records,
        gather_s=quiet.gather_s,
    )
    return projector
