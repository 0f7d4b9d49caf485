"""The ledger as a process against the real servers: from Kafka into Postgres, killed and restarted."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from urllib.error import HTTPError
from urllib.request import urlopen
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiokafka import TopicPartition

from bus.contract import topics
from bus.contract.messages import GenerationStarted
from bus.contract.topics import Topic
from bus.kafka import admin, broker
from bus.runtime.settings import KafkaSettings
from ledger import invariants
from ledger.progress import PROJECTOR as PROGRESS_PROJECTOR
from ledger.projection import PROJECTOR
from ledger.rebuild import compare
from sharpstream.stack import ports
from tests.ledger.story import BUCKET, Story, add_user
from tests.ledger.worker import PARTITIONS

pytestmark = pytest.mark.stack
GIVE_UP_S = 60  # only turns a hang into a failure


@dataclass
class System:
    """Topics, database and environment of one test."""

    kafka: KafkaSettings
    connection: asyncpg.Connection
    events: Topic
    progress: Topic
    environment: dict[str, str]
    started: list[subprocess.Popen[str]]

    def start(self, **more: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.ledger.worker"]
        environment = os.environ | self.environment | more
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.started.append(process)
        return process

    async def publish(self, topic: Topic, stories: list[Story]) -> None:
        """Publish the stories, one transaction for each story's next 10 records."""
        producer = broker.producer(self.kafka, client_id="tests", transactional_id=f"tests-{uuid4()}")
        await producer.start()
        try:
            while any(story.published for story in stories):
                for story in stories:
                    async with producer.transaction():
                        for record in story.published[:10]:
                            await producer.send(
                                topic.name,
                                record.value,
                                key=record.key,
                                headers=list(record.headers),
                                partition=record.partition,
                            )
                    del story.published[:10]
        finally:
            await producer.stop()

    async def reached(self, projector: str, topic: Topic, want: dict[int, int]) -> None:
        """Wait until the projector has stored these offsets."""
        query = "SELECT partition, next_offset FROM projector_offsets WHERE projector = $1 AND topic = $2"
        async with asyncio.timeout(GIVE_UP_S):
            while dict(await self.connection.fetch(query, projector, topic.name)) != want:  # noqa: ASYNC110  (another process)
                await asyncio.sleep(0.05)

    async def last_offsets(self, topic: Topic) -> dict[int, int]:
        """Return by partition the offset after its last record that is not a control record."""
        consumer = broker.consumer(self.kafka, client_id="tests", group_id=None)
        await consumer.start()
        try:
            parts = [TopicPartition(topic.name, part) for part in range(PARTITIONS)]
            ends = {part: end for part, end in (await consumer.end_offsets(parts)).items() if end}
            consumer.assign(list(ends))
            last: dict[int, int] = {}
            while any([await consumer.position(part) < end for part, end in ends.items()]):
                for part, records in (await consumer.getmany(timeout_ms=200)).items():
                    last[part.partition] = records[-1].offset + 1
            return last
        finally:
            await consumer.stop()


@pytest.fixture
async def system(
    connection: asyncpg.Connection,
    fresh_database: str,
    kafka_settings: KafkaSettings,
    unique: Callable[[str], str],
) -> AsyncIterator[System]:
    events = replace(topics.EVENTS, name=unique("events"), partitions=PARTITIONS)
    progress = replace(topics.PROGRESS, name=unique("progress"), partitions=PARTITIONS)
    await admin.create_topics(kafka_settings, [events, progress])
    assert kafka_settings.password
    environment = {
        "EVENTS_TOPIC": events.name,
        "PROGRESS_TOPIC": progress.name,
        "DATABASE_URL": fresh_database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": kafka_settings.security_protocol,
        "KAFKA_SASL_MECHANISM": kafka_settings.sasl_mechanism,
        "KAFKA_USERNAME": kafka_settings.username or "",
        "KAFKA_PASSWORD": kafka_settings.password.get_secret_value(),
        "S3_BUCKET": BUCKET,
        "LEDGER_GROUP": unique("ledger"),
        "LEDGER_MAX_RECORDS": "20",
    }
    system = System(kafka_settings, connection, events, progress, environment, [])
    yield system
    for process in system.started:
        if process.poll() is None:  # the test failed
            process.kill()
            await asyncio.to_thread(process.communicate)


async def stop(process: subprocess.Popen[str]) -> str:
    """Stop the process by SIGTERM, check that it exits with 0, and return its output."""
    process.send_signal(signal.SIGTERM)
    said, _ = await asyncio.to_thread(process.communicate, timeout=GIVE_UP_S)
    assert process.returncode == 0, said
    return said


async def publish_stories(system: System) -> tuple[list[Story], list[UUID]]:
    """Make two accounts with 60 generations each, a third of them repeated, and two undecodable records."""
    stories, generations = [], []
    for partition in range(PARTITIONS):
        story = Story(await add_user(system.connection), partition=partition)
        for number in range(60):
            generation = uuid4()
            generations.append(generation)
            story.requested(generation)
            story.completed(generation)
            if number % 3 == 0:
                story.again(story.published[-2])
                story.again(story.published[-2])
        story.raw(key=None, value=b"{", headers=[])
        stories.append(story)
    return stories, generations


@pytest.mark.kill
async def test_a_kill_between_postgres_and_kafka_loses_and_repeats_nothing(system: System) -> None:
    stories, generations = await publish_stories(system)
    await system.publish(system.events, stories)
    for batches in (1, 3, 2):
        process = system.start(KILL_AFTER=str(batches))
        said, _ = await asyncio.to_thread(process.communicate, timeout=GIVE_UP_S)
        assert process.returncode == -signal.SIGKILL, said
    process = system.start()
    await system.reached(PROJECTOR, system.events, await system.last_offsets(system.events))
    await stop(process)
    count = system.connection.fetchval
    assert await count("SELECT count(*) FROM event_log") == 2 * len(generations)
    assert await count("SELECT count(*) FROM usage_logs") == len(generations)
    assert await count("SELECT count(*) FROM parked_events") == PARTITIONS
    assert await count("SELECT count(*) FROM scene_generations WHERE status = 'completed'") == len(
        generations
    )
    assert await invariants.check(system.connection) == []
    result = await compare(system.connection, system.kafka, bucket=BUCKET, topic=system.events)
    assert (result.differences, result.events) == ([], 2 * len(generations))


async def test_events_and_progress_are_projected(system: System) -> None:
    story, generation = Story(await add_user(system.connection), partition=1), uuid4()
    story.requested(generation)
    await system.publish(system.events, [story])
    process = system.start()
    await system.reached(PROJECTOR, system.events, {1: 1})
    worker = Story(story.account, partition=1, topic=topics.PROGRESS)
    worker.append(GenerationStarted(generation_id=generation, account_id=story.account, worker="w"))
    await system.publish(system.progress, [worker])
    await system.reached(PROGRESS_PROJECTOR, system.progress, {1: 1})
    query = "SELECT status FROM scene_generations WHERE id = $1"
    assert await system.connection.fetchval(query, generation) == "processing"
    story.published = [story.completed(generation)]
    await system.publish(system.events, [story])
    await system.reached(PROJECTOR, system.events, await system.last_offsets(system.events))
    assert await system.connection.fetchval(query, generation) == "completed"
    await stop(process)


async def test_health(system: System) -> None:
    port = ports.choose()
    process = system.start(HEALTH_PORT=str(port))
    url = f"http://127.0.0.1:{port}"
    async with asyncio.timeout(GIVE_UP_S):
        while await asyncio.to_thread(_status, f"{url}/health/ready") != 200:  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.05)
    assert await asyncio.to_thread(_status, f"{url}/health/live") == 200
    with await asyncio.to_thread(urlopen, f"{url}/metrics") as answer:
        assert b"sharpstream_ledger_events_total" in answer.read()
    said = await stop(process)
    assert all(json.loads(line)["role"] == "ledger" for line in said.splitlines())


async def test_a_permanent_error_ends_the_process(system: System) -> None:
    story = Story(await add_user(system.connection), partition=0)
    story.key_created(uuid4())
    await system.publish(system.events, [story])
    await system.connection.execute("ALTER TABLE usage_logs RENAME TO elsewhere")
    process = system.start()
    said, _ = await asyncio.to_thread(process.communicate, timeout=GIVE_UP_S)
    assert process.returncode == 1
    assert 'relation "usage_logs" does not exist' in said
    await system.connection.execute("ALTER TABLE elsewhere RENAME TO usage_logs")
    process = system.start()
    await system.reached(PROJECTOR, system.events, {0: 1})
    await stop(process)
    assert await system.connection.fetchval("SELECT count(*) FROM usage_logs") == 1


async def test_an_unmigrated_database_stops_the_start(system: System, empty_database: str) -> None:
    process = system.start(DATABASE_URL=empty_database)
    said, _ = await asyncio.to_thread(process.communicate, timeout=GIVE_UP_S)
    assert process.returncode == 2
    assert "python -m ledger migrate" in said


def _status(url: str) -> int:
    try:
        with urlopen(url) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except OSError:
        return 0
