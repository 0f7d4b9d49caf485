"""The bridges on three brokers, each of which is killed or frozen in turn: every record once."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import TopicPartition

from bus.bridges import outbox
from bus.contract.topics import RELAY_CURSOR
from bus.kafka import admin
from bus.runtime.settings import KafkaSettings
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.supervisor import Supervisor
from tests.bus.bridge_servers import (
    SESSION_S,
    assert_once_each,
    end_offsets,
    make_topic,
    numbered,
    produce,
    read_all,
    until,
    values,
)
from tests.bus.fleet import SCALE, Fleet, kafka_environment, say
from tests.chaos import cluster

pytestmark = [pytest.mark.stack, pytest.mark.kill, pytest.mark.cluster]
RECORDS = int(900 * SCALE)
SPLIT_S = 6.0
"""Twice the time after which the controllers drop a silent broker (3 s)."""
NAMES = [f"kafka{number}" for number in cluster.NODES]


class Brokers:
    """Three brokers into which the tests inject faults."""

    def __init__(self, settings: KafkaSettings, supervisor: Supervisor) -> None:
        self.settings, self._supervisor = settings, supervisor

    async def kill(self, name: str) -> None:
        """Send SIGKILL. Returns once the supervisor has restarted the broker and the cluster counts it."""
        part = self._supervisor.part(name)
        pid = part.pid
        assert pid
        os.kill(pid, signal.SIGKILL)

        async def back() -> bool:
            return part.pid not in (None, pid) and part.state == "ready"

        await until(back, what=f"{name} to come back", within_s=120)

    async def split_off(self, name: str) -> None:
        """Send SIGSTOP and SIGCONT: the others drop the broker, and it resumes as a stale leader."""
        pid = self._supervisor.part(name).pid
        assert pid
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(SPLIT_S)
        finally:
            os.kill(pid, signal.SIGCONT)
        part = self._supervisor.part(name)

        async def back() -> bool:
            return part.state == "ready" and await part.program.ready()

        await until(back, what=f"{name} to be counted again", within_s=120)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def brokers() -> AsyncIterator[Brokers]:
    with tempfile.TemporaryDirectory(prefix="sharpstream-cluster-", dir="/var/tmp") as folder:
        home = Home(Path(folder))
        home.create()
        memory = Memory(home)
        supervisor = Supervisor(home, cluster.nodes(home, memory, durable=False))
        try:
            await supervisor.start(NAMES)
            yield Brokers(cluster.settings(memory), supervisor)
        finally:
            await supervisor.stop()


async def hurt_each(brokers: Brokers, how: str, done: Callable[[], Awaitable[int]]) -> None:
    """Kill or freeze each of the three in turn, each after a further share of the work."""
    for turn, name in enumerate(NAMES):
        goal = RECORDS * turn // 4

        async def far_enough(goal: int = goal) -> bool:
            return await done() >= goal

        await until(far_enough, what=f"{goal} records", within_s=120)
        say(f"{how} {name}")
        await (brokers.kill(name) if how == "kill" else brokers.split_off(name))


@pytest.mark.parametrize("how", ["kill", "split off"])
@pytest.mark.asyncio(loop_scope="module")
async def test_the_processor_loses_no_record_when_each_broker_fails(
    brokers: Brokers, unique: Callable[[str], str], tmp_path: Path, how: str
) -> None:
    kafka = brokers.settings
    incoming = await make_topic(kafka, unique("in"), partitions=6)
    retry = await make_topic(kafka, unique("retry"), delay_ms=500)
    out = await make_topic(kafka, unique("out"), partitions=3)
    dead = await make_topic(kafka, unique("dead"))
    environment = kafka_environment(kafka) | {
        "GROUP": unique("group"),
        "TOPIC_IN": incoming.name,
        "TOPIC_RETRY": retry.name,
        "TOPIC_OUT": out.name,
        "TOPIC_DEAD": dead.name,
        "SESSION_SECONDS": str(SESSION_S),
        "MAX_IN_FLIGHT": "8",
        "WORK_SECONDS": "0.1",
    }
    await produce(kafka, [numbered(incoming.name, f"key-{n % 40}", n) for n in range(RECORDS)])
    tps = [TopicPartition(out.name, number) for number in range(out.partitions)]

    async def written() -> int:
        return sum((await end_offsets(kafka, tps)).values())

    async def complete() -> bool:
        return await written() >= RECORDS and len(await read_all(kafka, out.name)) >= RECORDS

    async with Fleet("processor_worker.py", 2, environment, tmp_path / "workers.log") as fleet:
        await hurt_each(brokers, how, written)
        await until(complete, what="all results", within_s=180)
    assert_once_each(values(await read_all(kafka, out.name)), RECORDS)
    assert await read_all(kafka, dead.name) == []
    say(f"exits: {dict(fleet.exits)}")


@pytest.mark.parametrize("how", ["kill", "split off"])
@pytest.mark.asyncio(loop_scope="module")
async def test_the_relay_loses_no_record_when_each_broker_fails(
    brokers: Brokers, fresh_database: str, unique: Callable[[str], str], tmp_path: Path, how: str
) -> None:
    kafka = brokers.settings
    await admin.create_topics(kafka, [RELAY_CURSOR])
    events = (await make_topic(kafka, unique("events"), partitions=3)).name
    environment = kafka_environment(kafka) | {
        "DATABASE_URL": fresh_database,
        "RELAY_NAME": unique("relay"),
        "RELAY_LEASE_SECONDS": "2",
        "RELAY_MAX_ROWS": "20",
    }
    async with (
        asyncpg.create_pool(fresh_database, min_size=1, max_size=2) as pool,
        Fleet("relay_worker.py", 2, environment, tmp_path / "workers.log") as fleet,
    ):

        async def write() -> None:
            for number in range(RECORDS):
                async with pool.acquire() as connection, connection.transaction():
                    await outbox.enqueue(connection, [numbered(events, f"key-{number % 7}", number)])
                await asyncio.sleep(20 / RECORDS)  # 20 s of writing, so that it lasts through every fault

        async def published() -> int:
            return RECORDS - int(await pool.fetchval("SELECT count(*) FROM outbox"))

        async def numbered_so_far() -> int:
            return await pool.fetchval("SELECT next_seq - 1 FROM relay_lease") or 0

        await asyncio.gather(write(), hurt_each(brokers, how, numbered_so_far))

        async def empty() -> bool:
            return await published() == RECORDS

        await until(empty, what="an empty outbox", within_s=120)
    assert_once_each(values(await read_all(kafka, events)), RECORDS)
    say(f"exits: {dict(fleet.exits)}")


@pytest.mark.parametrize("how", ["kill", "split off"])
@pytest.mark.asyncio(loop_scope="module")
async def test_the_projector_loses_no_record_when_each_broker_fails(
    brokers: Brokers, fresh_database: str, unique: Callable[[str], str], tmp_path: Path, how: str
) -> None:
    kafka = brokers.settings
    incoming = await make_topic(kafka, unique("in"), partitions=6)
    environment = kafka_environment(kafka) | {
        "DATABASE_URL": fresh_database,
        "GROUP": unique("group"),
        "TOPIC_IN": incoming.name,
        "SESSION_SECONDS": str(SESSION_S),
        "MAX_RECORDS": "10",
        "WORK_SECONDS": "0.2",
    }
    await produce(kafka, [numbered(incoming.name, f"key-{n % 40}", n) for n in range(RECORDS)])
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=2) as pool:
        await pool.execute("CREATE TABLE seen (number bigint, key text, partition int, place bigint)")

        async def projected() -> int:
            return int(await pool.fetchval("SELECT count(*) FROM seen"))

        async def complete() -> bool:
            return await projected() >= RECORDS

        async with Fleet("projector_worker.py", 2, environment, tmp_path / "workers.log") as fleet:
            await hurt_each(brokers, how, projected)
            await until(complete, what="all records", within_s=180)
        assert_once_each([row["number"] for row in await pool.fetch("SELECT number FROM seen")], RECORDS)
    say(f"exits: {dict(fleet.exits)}")
