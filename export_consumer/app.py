"""The export consumer's composition root: the processor of commands, the projector of events, health."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import asyncpg
from faststream import FastStream
from faststream.kafka import KafkaBroker

from bus import logs, telemetry, topics
from bus.blobs import Blobs, BlobStore
from bus.broker import create_broker
from bus.errors import ConfigurationError
from bus.health import HealthServer
from bus.processor import Processor
from bus.projector import Projector, subscribe
from export_consumer import jobs, settings
from export_consumer.handlers import Exports
from export_consumer.pool import Converter, converting
from export_consumer.settings import Settings
from ledger import database
from ledger.intake import Intake
from ledger.migrate import check
from ledger.watch import watched


def main() -> None:
    """Serve until SIGTERM or SIGINT; a wrong setting ends the process with status 2 and a sentence."""
    try:
        stated = settings.read()
        logs.configure("export", stated.role.log_level)
        with telemetry.exporting("export"):
            asyncio.run(create_app(stated).run())
    except ConfigurationError as error:
        print(error.message, file=sys.stderr)  # noqa: T201  (the operator's own terminal)
        sys.exit(2)


def create_app(settings: Settings) -> FastStream:
    """Return the application, not started: ``await app.run()`` serves until SIGTERM or SIGINT.

    Raises from ``run``: `ConfigurationError` where Postgres cannot be reached or is not migrated, and what
    ended the processor, `FencedError` among it.
    """
    broker = create_broker(settings.kafka, client_id="sharpstream-export")

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with (
            _pool(settings) as pool,
            BlobStore(settings.s3) as blobs,
            converting(settings.converter) as converter,
        ):
            projector = _job_projector(broker, pool, settings)
            processor, role = _processor(settings, blobs, converter), settings.role
            async with (
                HealthServer(role.health_host, role.health_port, lambda: processor.ready),
                watched(app.exit, projector.watch()),
                _running(processor, app.exit),
            ):
                yield

    app = FastStream(broker, logger=None, lifespan=lifespan)
    return app


@asynccontextmanager
async def _running(processor: Processor, stop: Callable[[], None]) -> AsyncIterator[None]:
    """Process beside the body, let what is in hand end after it, and raise what ended the processor."""
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


def _processor(settings: Settings, blobs: Blobs, converter: Converter) -> Processor:
    exports, options = Exports(blobs, converter), settings.export
    return Processor(
        settings.kafka,
        group=options.group,
        topics=[topics.EXPORT_COMMANDS],
        retries=topics.EXPORT_RETRIES,
        dead=topics.EXPORT_DEAD,
        handle=exports.handle,
        give_up=exports.give_up,
        instance_id=options.instance_id,
        max_in_flight=options.max_in_flight,
    )


def _job_projector(broker: KafkaBroker, pool: asyncpg.Pool, settings: Settings) -> Projector:
    epoch, options = settings.kafka.topic_epoch, settings.export
    write = jobs.ExportJobs(bucket=settings.s3.bucket).write
    intake = Intake(topics.EVENTS, projector=jobs.PROJECTOR, epoch=epoch, write=write)
    projector = Projector(pool, name=jobs.PROJECTOR, epoch=epoch, apply=intake.apply)
    subscribe(
        broker,
        projector,
        topics=[topics.EVENTS],
        group=options.jobs_group,
        instance_id=options.instance_id,
        max_records=options.max_records,
    )
    return projector
