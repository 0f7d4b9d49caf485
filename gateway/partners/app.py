"""The partners role's composition root: the only place that builds ingress, egress and health."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from dataclasses import dataclass
from typing import Final

import asyncpg
import structlog

from bus.bridges.projection import Projector
from bus.bridges.quiet import Quiet
from bus.contract import topics
from bus.contract.partners import COMMANDS
from bus.contract.topics import Topic
from bus.kafka import tls_check
from bus.kafka.broker import EVERYWHERE
from bus.kafka.processor import Processor
from bus.runtime import process, tasks
from bus.runtime.health import HealthServer
from bus.runtime.settings import DatabaseSettings, KafkaSettings, RoleSettings, S3Settings, load
from gateway.partners import batch_reader
from gateway.partners.acceptance import CommandHandler
from gateway.partners.egress import PartnerEgress
from gateway.partners.ingress import Ingress
from gateway.partners.intake import opened
from gateway.partners.recipient_lookup import ANY_PARTNER, Directory
from gateway.scenes.prepare import Preparer
from gateway.settings import OutgoingSettings, PartnerBridgeSettings
from ledger.db import database
from ledger.db.migrate import check

log = structlog.stdlib.get_logger(__name__)

PROJECTOR: Final = "partners"
"""The name in ``projector_offsets``."""
EVERY_PARTNER: Final = f"^{COMMANDS.pattern}$"
AT_ONCE: Final = 256
"""Events whose recipients are looked up together."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bridges:
    """Both directions of one process."""

    ingress: Ingress
    egress: Processor

    @property
    def ready(self) -> bool:
        """Whether both are members of their consumer groups."""
        return self.ingress.ready and self.egress.ready

    async def stop(self) -> None:
        """Finish records in flight and let `run` return."""
        await asyncio.gather(self.ingress.stop(), self.egress.stop())

    async def run(self) -> None:
        """Run until `stop`. Raises `FencedError`, and any other error that ends one of them."""
        both = [asyncio.ensure_future(self.ingress.run()), asyncio.ensure_future(self.egress.run())]
        try:
            await asyncio.gather(*both)
        finally:
            await tasks.end(both)


def bridges(
    kafka: KafkaSettings,
    own: PartnerBridgeSettings,
    pool: asyncpg.Pool,
    preparer: Preparer,
    *,
    events: Topic = topics.EVENTS,
    dead: Topic = topics.PARTNERS_DEAD,
    pattern: str = EVERY_PARTNER,
) -> Bridges:
    """Return both bridges, not started."""
    handler = CommandHandler(
        pool,
        preparer,
        epoch=kafka.topic_epoch,
        wait_s=own.wait_seconds,
        unreadable_limit=own.unreadable_limit,
    )
    quiet = Quiet(pool, ANY_PARTNER, busy_s=0.0)
    out = PartnerEgress(Directory(pool, quiet), epoch=kafka.topic_epoch)
    return Bridges(
        ingress=Ingress(
            kafka,
            Projector(pool, name=PROJECTOR, epoch=kafka.topic_epoch, apply=handler.apply),
            handler,
            group=f"{own.group}.commands",
            instance_id=own.instance("commands"),
            discover_s=own.discover_seconds,
            session_s=own.session_seconds,
            pattern=pattern,
        ),
        egress=Processor(
            kafka,
            group=f"{own.group}.events",
            topics=[events],
            retries=(),  # events keep their order: one that cannot be sent holds up those behind it
            dead=dead,
            handle=out.handle,
            give_up=out.give_up,
            instance_id=own.instance("events"),
            max_in_flight=AT_ONCE,
            session_timeout_s=own.session_seconds,
            compression=EVERYWHERE,
            gather_s=quiet.gather_s,
        ),
    )


def main(role: RoleSettings, _options: Namespace) -> int:
    """Run with the settings of the environment until SIGTERM. Raises `ConfigurationError`, `FencedError`."""
    process.run(
        _run(
            kafka=load(KafkaSettings),
            s3=load(S3Settings),
            postgres=load(DatabaseSettings),
            own=load(PartnerBridgeSettings),
            outgoing=load(OutgoingSettings),
            role=role,
        )
    )
    return process.DONE


async def _run(
    *,
    kafka: KafkaSettings,
    s3: S3Settings,
    postgres: DatabaseSettings,
    own: PartnerBridgeSettings,
    outgoing: OutgoingSettings,
    role: RoleSettings,
) -> None:
    stopping = asyncio.Event()
    batch_reader.install()
    async with (
        process.stop_on_signal(stopping.set),
        database.open_pool(postgres, role="partners") as pool,
        opened(pool, s3, own, refused_ports=outgoing.refused_ports) as dependencies,
    ):
        async with pool.acquire() as connection:
            await check(connection)
        await tls_check.require(kafka)
        both = bridges(kafka, own, pool, Preparer(dependencies))
        async with HealthServer(role.health_host, role.health_port, lambda: both.ready):
            await tasks.first_of(both.run(), _stop(both, stopping))
    log.info("stopped")


async def _stop(both: Bridges, stopping: asyncio.Event) -> None:
    await stopping.wait()
    await both.stop()
    await asyncio.Event().wait()  # until `run` has returned
