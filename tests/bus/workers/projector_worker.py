"""One projector that writes each number into a table without a unique key, where a duplicate would show."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace

import asyncpg

from bus.bridges.projector import Projector, RawRecord, subscribe
from bus.contract.topics import EVENTS
from bus.kafka import broker
from bus.runtime import logs
from bus.runtime.errors import FencedError
from bus.runtime.settings import KafkaSettings, load
from bus.runtime.tasks import first_of


async def apply(connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
    await connection.executemany(
        "INSERT INTO seen (number, key, partition, place) VALUES ($1, $2, $3, $4)",
        [(int(r.value or b""), (r.key or b"").decode(), r.partition, r.offset) for r in records],
    )
    await asyncio.sleep(float(os.environ["WORK_SECONDS"]))  # between the rows and the commit


async def main() -> int:
    kafka = load(KafkaSettings)
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    async with asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=4) as pool:
        projector = Projector(pool, name="test", epoch=1, apply=apply)
        feed = broker.create_broker(kafka, client_id=f"projector-{os.environ['WORKER']}")
        subscribe(
            feed,
            projector,
            topics=[replace(EVENTS, name=os.environ["TOPIC_IN"])],
            group=os.environ["GROUP"],
            max_records=int(os.environ["MAX_RECORDS"]),
            instance_id=f"{os.environ['GROUP']}-{os.environ['WORKER']}",
            session_timeout_s=float(os.environ["SESSION_SECONDS"]),
            heartbeat_s=0.5,
        )
        await feed.start()
        try:
            await first_of(stopping.wait(), projector.watch())
        except FencedError:
            return 3
        finally:
            await feed.stop()
    return 0


if __name__ == "__main__":
    logs.configure(f"projector-{os.environ['WORKER']}", "WARNING")
    sys.exit(asyncio.run(main()))
