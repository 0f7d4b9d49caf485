"""Static membership: a stale owner ends once a successor with its instance id has fenced it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient

from bus.kafka import broker
from bus.runtime.settings import KafkaSettings
from sharpstream.stack.process import signal_child
from tests.bus.bridge_servers import SESSION_S, make_topic, numbered, produce, read_all, until
from tests.bus.fleet import WORKERS, kafka_environment

pytestmark = [pytest.mark.stack, pytest.mark.kill]
FENCED = 3


class Named:
    """A static member that starts and stops as often as wanted, and reads topics by a pattern."""

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        self._kafka, self._group = kafka, group

    async def works(self, pattern: str, assigned: set[str]) -> None:
        """Run it until it has partitions of exactly these topics."""
        consumer = broker.consumer(
            self._kafka,
            client_id="worker",
            group_id=self._group,
            group_instance_id="worker",
            session_timeout_ms=60_000,
            metadata_max_age_ms=200,
        )
        consumer.subscribe(pattern=f"^{pattern}$")
        await consumer.start()
        try:

            async def has_them() -> bool:
                await consumer.getmany(timeout_ms=50)
                return {tp.topic for tp in consumer.assignment()} == assigned

            await until(has_them, what=f"{assigned} to be assigned")
        finally:
            await consumer.stop()  # does not leave the group: a static member stays a member, as after a kill


async def test_a_restarted_worker_is_assigned_topics_created_meanwhile(
    kafka_settings: KafkaSettings, unique: Callable[[str], str]
) -> None:
    member, prefix = Named(kafka_settings, unique("group")), unique("many")
    there: set[str] = set()
    for name in ("first", "second", "third"):
        there.add((await make_topic(kafka_settings, f"{prefix}-{name}")).name)
        await member.works(f"{prefix}.*", there)


async def test_a_restarted_worker_is_assigned_no_topic_that_is_none_of_its_own(
    kafka_settings: KafkaSettings, unique: Callable[[str], str]
) -> None:
    """Kafka gives it its predecessor's: of topics deleted since, and of those an earlier release read."""
    member, prefix = Named(kafka_settings, unique("group")), unique("fewer")
    first, second, third = [
        (await make_topic(kafka_settings, f"{prefix}-{name}")).name for name in ("first", "second", "third")
    ]
    await member.works(f"{prefix}.*", {first, second, third})
    await member.works(f"({second}|{third})", {second, third})
    client = AIOKafkaAdminClient(**kafka_settings.client_options())
    await client.start()
    await client.delete_topics([third])
    await client.close()
    await member.works(f"{prefix}.*", {first, second})


class StaticMembers:
    """Processes of one script under one instance id, which handle numbers."""

    def __init__(self, script: str, environment: dict[str, str], kafka: KafkaSettings, pool: asyncpg.Pool):
        self._script, self._kafka, self._pool = script, kafka, pool
        self._environment = os.environ | {"PYTHONPATH": str(WORKERS.parents[2]), "WORKER": "0"} | environment
        self._sent = 0
        self.started: list[asyncio.subprocess.Process] = []

    async def start(self) -> asyncio.subprocess.Process:
        path = str(WORKERS / self._script)
        self.started.append(await asyncio.create_subprocess_exec(sys.executable, path, env=self._environment))
        return self.started[-1]

    async def work(self) -> None:
        """Send one more number, and wait until a member has handled it."""
        topic = self._environment["TOPIC_IN"]
        await produce(self._kafka, [numbered(topic, "key", self._sent * 20 + 1)])
        self._sent += 1

        async def handled() -> bool:
            return await self.handled() >= self._sent

        await until(handled, what=f"{self._sent} to be handled", within_s=30)

    async def handled(self) -> int:
        if self._script == "projector_worker.py":
            return int(await self._pool.fetchval("SELECT count(*) FROM seen"))
        return len(await read_all(self._kafka, self._environment["TOPIC_OUT"]))


@pytest.fixture(params=["processor_worker.py", "projector_worker.py"])
async def members(
    kafka_settings: KafkaSettings,
    fresh_database: str,
    unique: Callable[[str], str],
    request: pytest.FixtureRequest,
) -> AsyncIterator[StaticMembers]:
    names = {
        f"TOPIC_{name.upper()}": (await make_topic(kafka_settings, unique(name))).name
        for name in ("in", "retry", "out", "dead")
    }
    environment = kafka_environment(kafka_settings) | names
    environment |= {
        "DATABASE_URL": fresh_database,
        "GROUP": unique("group"),
        "SESSION_SECONDS": str(SESSION_S),
    }
    environment |= {"MAX_IN_FLIGHT": "8", "MAX_RECORDS": "20", "WORK_SECONDS": "0"}
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=2) as pool:
        await pool.execute("CREATE TABLE seen (number bigint, key text, partition int, place bigint)")
        made = StaticMembers(request.param, environment, kafka_settings, pool)
        yield made
        for process in made.started:
            signal_child(process, signal.SIGKILL)
            await process.wait()


async def test_a_fenced_member_ends_and_its_successor_stays(members: StaticMembers) -> None:
    first = await members.start()
    await members.work()
    signal_child(first, signal.SIGSTOP)
    second = await members.start()
    await members.work()
    signal_child(first, signal.SIGCONT)
    assert await asyncio.wait_for(first.wait(), 30) == FENCED
    await members.work()
    assert second.returncode is None
    signal_child(second, signal.SIGTERM)
    assert await asyncio.wait_for(second.wait(), 30) == 0
    assert await members.handled() == 3
