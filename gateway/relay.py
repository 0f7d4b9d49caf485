"""The relay's process: publishes the outbox to Kafka until SIGTERM, then exits with status 0."""

from __future__ import annotations

import asyncio
from argparse import Namespace

import structlog

from bus.bridges.relay import Relay
from bus.kafka import tls_check
from bus.runtime import process
from bus.runtime.health import HealthServer
from bus.runtime.settings import DatabaseSettings, KafkaSettings, RoleSettings, load
from gateway.settings import RelaySettings
from ledger.db.database import require_tls

_log = structlog.stdlib.get_logger(__name__)


def main(role: RoleSettings, _options: Namespace) -> int:
    """Run with the settings of the environment. Raises `ConfigurationError`, `FencedError`."""
    own, kafka, database = load(RelaySettings), load(KafkaSettings), load(DatabaseSettings)
    process.run(_run(kafka, database, own, role))
    return process.DONE


async def _run(
    kafka: KafkaSettings, database: DatabaseSettings, own: RelaySettings, role: RoleSettings
) -> None:
    await require_tls(database)
    await tls_check.require(kafka)
    carrier = Relay(kafka, database.url.get_secret_value(), lease_s=own.lease_seconds)
    stopping: list[asyncio.Task[None]] = []

    def stop() -> None:
        stopping.append(asyncio.ensure_future(carrier.stop()))

    async with (
        HealthServer(role.health_host, role.health_port, lambda: carrier.ready, note=lambda: carrier.halted),
        process.stop_on_signal(stop),
    ):
        await carrier.run()
        await asyncio.gather(*stopping)
    _log.info("stopped")
