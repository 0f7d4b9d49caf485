"""The export consumer as a process: commands in, failed events out, ``export_jobs`` told."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest
from aiokafka import TopicPartition

from bus import admin, broker, envelope, topics
from bus.messages import BlobRef, ExportFailed, ExportRequested, ExportScene
from bus.settings import KafkaSettings, S3Settings
from bus.topics import Topic
from tests.export_consumer.worker import PARTITIONS, own_topics
from tests.ledger.story import NOON, Story, insert

pytestmark = pytest.mark.stack
GIVE_UP_S = 60  # only turns a hang into a failure
SPLAT = BlobRef(key="results/g/1.ply", sha256="bb" * 32, bytes=66, media_type="model/ply")


@dataclass
class System:
    """Topics and a running process."""

    kafka: KafkaSettings
    events: Topic
    commands: Topic
    process: subprocess.Popen[str]

    async def endings(self, count: int) -> list[envelope.Envelope[ExportFailed]]:
        """Wait for that many ``export.failed.v1`` and return all that are there."""
        consumer = broker.consumer(self.kafka, client_id="tests", group_id=None)
        await consumer.start()
        found: list[envelope.Envelope[ExportFailed]] = []
        try:
            consumer.assign([TopicPartition(self.events.name, part) for part in range(PARTITIONS)])
            async with asyncio.timeout(GIVE_UP_S):
                while len(found) < count:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        events = [envelope.decode(self.events, r.value, r.headers) for r in records]
                        found += [event for event in events if isinstance(event.message, ExportFailed)]
        finally:
            await consumer.stop()
        return found


@pytest.fixture
async def system(
    fresh_database: str,
    kafka_settings: KafkaSettings,
    s3_settings: S3Settings,
    unique: Callable[[str], str],
) -> AsyncIterator[System]:
    events = replace(topics.EVENTS, name=unique("events"), partitions=PARTITIONS)
    commands, *others = own_topics(unique("exports"))
    await admin.create_topics(kafka_settings, [events, commands, *others])
    assert kafka_settings.password
    assert s3_settings.access_key_id
    assert s3_settings.secret_access_key
    environment = {
        "EVENTS_TOPIC": events.name,
        "COMMANDS_TOPIC": commands.name.removesuffix(".0"),
        "DATABASE_URL": fresh_database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": kafka_settings.security_protocol,
        "KAFKA_SASL_MECHANISM": kafka_settings.sasl_mechanism,
        "KAFKA_USERNAME": kafka_settings.username or "",
        "KAFKA_PASSWORD": kafka_settings.password.get_secret_value(),
        "S3_ENDPOINT_URL": s3_settings.endpoint_url or "",
        "S3_ACCESS_KEY_ID": s3_settings.access_key_id.get_secret_value(),
        "S3_SECRET_ACCESS_KEY": s3_settings.secret_access_key.get_secret_value(),
        "S3_BUCKET": s3_settings.bucket,
        "EXPORT_GROUP": unique("export"),
        "EXPORT_JOBS_GROUP": unique("jobs"),
    }
    process = start(environment)
    try:
        yield System(kafka_settings, events, commands, process)
    finally:
        if process.poll() is None:
            process.kill()
            await asyncio.to_thread(process.communicate)


def start(environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.export_consumer.worker"],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


async def test_every_command_is_answered_and_told(
    system: System, story: Story, connection: asyncpg.Connection
) -> None:
    scene = uuid4()
    row = {"id": scene, "user_id": story.account, "original_image_url": "s3://b/k", "status": "completed"}
    row |= {"priority": "bulk", "metadata": "{}", "created_at": NOON, "updated_at": NOON}
    await insert(connection, "scene_generations", row)
    exports = [uuid4() for _ in range(10)]
    producer = broker.producer(system.kafka, client_id="tests")
    await producer.start()
    try:
        for export in exports:
            command = ExportScene(
                export_id=export,
                generation_id=scene,
                account_id=story.account,
                source=SPLAT,
                format="GLTF",
                requested_at=datetime.now(UTC),
            )
            event = ExportRequested(
                export_id=export, generation_id=scene, account_id=story.account, format="GLTF"
            )
            for out in (
                envelope.record(system.events, event, key=story.account, source="/tests"),
                envelope.record(system.commands, command, key=export, source="/tests"),
            ):
                await producer.send_and_wait(out.topic, out.value, key=out.key, headers=out.headers)
    finally:
        await producer.stop()
    endings = await system.endings(len(exports))
    assert sorted(event.message.export_id for event in endings) == sorted(exports)
    assert {event.message.code for event in endings} == {"unsupported_format"}
    query = "SELECT count(*) FROM export_jobs WHERE status = 'failed' AND error_message LIKE 'GLTF%'"
    async with asyncio.timeout(GIVE_UP_S):
        while await connection.fetchval(query) < len(exports):  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.05)
    system.process.send_signal(signal.SIGTERM)
    said, _ = await asyncio.to_thread(system.process.communicate, timeout=GIVE_UP_S)
    assert system.process.returncode == 0, said
