"""The export consumer as a process: commands in, files and events out, ``export_jobs`` updated."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest
from aiokafka import TopicPartition

from bus.blobs import BlobStore
from bus.contract import envelope, topics
from bus.contract.blob_ref import BlobRef
from bus.contract.messages import (
    EXPORT_ENDINGS,
    ExportCompleted,
    ExportFailed,
    ExportRequested,
    ExportScene,
)
from bus.contract.options import Options
from bus.contract.topics import Topic
from bus.kafka import admin, broker
from bus.runtime.settings import KafkaSettings, S3Settings
from ledger.db import scene_views
from ledger.db.scene_views import PREVIEW, VIEWS, CompletedScene
from tests.export_consumer.scenes import CAMERA, ply, scene
from tests.export_consumer.worker import PARTITIONS, own_topics
from tests.inference_consumer.pictures import photo as picture
from tests.ledger.story import NOON, Story, insert

pytestmark = pytest.mark.stack
GIVE_UP_S = 60  # turns a hang into a failure


@dataclass
class System:
    """Topics and a running process."""

    kafka: KafkaSettings
    events: Topic
    commands: Topic
    own_commands: Topic
    own_endings: Topic
    environment: dict[str, str]
    process: subprocess.Popen[str]

    async def endings(
        self, count: int, topic: Topic | None = None
    ) -> dict[UUID, ExportCompleted | ExportFailed]:
        """Wait for that many endings and return all."""
        topic = topic or self.events
        consumer = broker.consumer(self.kafka, client_id="tests", group_id=None)
        await consumer.start()
        found: dict[UUID, ExportCompleted | ExportFailed] = {}
        try:
            consumer.assign([TopicPartition(topic.name, part) for part in range(PARTITIONS)])
            async with asyncio.timeout(GIVE_UP_S):
                while len(found) < count:
                    for records in (await consumer.getmany(timeout_ms=200)).values():
                        events = [envelope.decode(topic, r.value, r.headers) for r in records]
                        ends = [e.message for e in events if isinstance(e.message, EXPORT_ENDINGS)]
                        assert not found.keys() & {end.export_id for end in ends}  # one ending each
                        found |= {end.export_id: end for end in ends}
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
    await admin.create_topics(kafka_settings, [events, commands, *others, topics.RELAY_CURSOR])
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
        "EXPORT_BACKGROUND_GROUP": unique("background"),
    }
    running = System(kafka_settings, events, commands, *others[1:3], environment, start(environment))
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            await asyncio.to_thread(running.process.communicate)


def start(
    environment: dict[str, str],
    module: str = "tests.export_consumer.worker",
    said: Path | None = None,
) -> subprocess.Popen[str]:
    """Run the module. Its output is appended to ``said``, else sent to a pipe."""
    with contextlib.ExitStack() as stack:
        return subprocess.Popen(
            [sys.executable, "-m", module],
            env=os.environ | environment,
            stdout=subprocess.PIPE if said is None else stack.enter_context(said.open("a")),
            stderr=subprocess.STDOUT,
            text=True,
        )


async def test_every_command_gets_its_ending(
    system: System, story: Story, connection: asyncpg.Connection, s3_settings: S3Settings
) -> None:
    scene_id = uuid4()
    row = {"id": scene_id, "user_id": story.account, "original_image_url": "s3://b/k", "status": "completed"}
    row |= {"priority": "bulk", "metadata": "{}", "created_at": NOON, "updated_at": NOON}
    await insert(connection, "scene_generations", row)
    data = ply(scene())
    async with BlobStore(s3_settings) as blobs:
        good = await blobs.put(f"results/{scene_id}/1.ply", data, "application/ply")
        short = await blobs.put(f"results/{scene_id}/2.ply", data[:-100], "application/ply")
        broken = await blobs.put(f"results/{scene_id}/3.ply", b"Not a splat.", "application/ply")
        wanted: dict[UUID, tuple[str, BlobRef, Options, str]] = {
            uuid4(): each
            for each in [
                ("ply", good, {}, "completed"),
                ("docx", good, {}, "unsupported_format"),
                ("ply", short, {}, "splat_corrupt"),
                ("spz", good, {"max_gaussians": 100}, "completed"),
                ("glb", broken, {}, "splat_corrupt"),
                ("ply", replace_sha(good), {}, "blob_corrupt"),
                ("ply", msgspec.structs.replace(good, key="results/none.ply"), {}, "blob_missing"),
                ("glb", good, {"up": "z"}, "options_invalid"),
                ("splat", good, {"min_opacity": 0.999}, "export_empty"),
                ("usdz", good, {}, "completed"),
            ]
        }
        await send(system, scene_id, story.account, wanted)
        endings = await system.endings(len(wanted))
        published = {
            export: end.code if isinstance(end, ExportFailed) else "completed"
            for export, end in endings.items()
        }
        assert published == {export: ending for export, (*_, ending) in wanted.items()}
        for export, end in endings.items():
            if isinstance(end, ExportCompleted):
                assert await blobs.get(end.result)
                assert end.result.key.startswith(f"exports/{export}/")
    query = "SELECT count(*) FROM export_jobs WHERE status IN ('failed', 'completed')"
    async with asyncio.timeout(GIVE_UP_S):
        while await connection.fetchval(query) < len(wanted):  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.05)
    system.process.send_signal(signal.SIGTERM)
    said, _ = await asyncio.to_thread(system.process.communicate, timeout=GIVE_UP_S)
    assert system.process.returncode == 0, said
    assert "Not a splat" not in said


def replace_sha(ref: BlobRef) -> BlobRef:
    """Return a blob reference with the hash of other bytes than the stored ones."""
    return msgspec.structs.replace(ref, sha256="cc" * 32)


async def send(
    system: System, scene_id: UUID, account: UUID, wanted: dict[UUID, tuple[str, BlobRef, Options, str]]
) -> None:
    producer = broker.producer(system.kafka, client_id="tests")
    await producer.start()
    try:
        for export, (name, source, options, _) in wanted.items():
            command = ExportScene(
                export_id=export,
                generation_id=scene_id,
                account_id=account,
                source=source,
                format=name,
                requested_at=datetime.now(UTC),
                options=dict(options),
            )
            event = ExportRequested(
                export_id=export,
                generation_id=scene_id,
                account_id=account,
                format=name,
                options=dict(options),
            )
            for out in (
                envelope.record(system.events, event, key=account, source="/tests"),
                envelope.record(system.commands, command, key=export, source="/tests"),
            ):
                await producer.send_and_wait(out.topic, out.value, key=out.key, headers=out.headers)
    finally:
        await producer.stop()


async def put_scene(connection: asyncpg.Connection, account: UUID) -> UUID:
    row = {"id": uuid4(), "user_id": account, "original_image_url": "s3://b/k", "status": "completed"}
    row |= {"priority": "bulk", "metadata": "{}", "created_at": NOON, "updated_at": NOON}
    await insert(connection, "scene_generations", row)
    return row["id"]


@pytest.mark.kill
@pytest.mark.drill
async def test_views_are_made_once_without_delaying_the_exports_that_were_asked_for(
    system: System,
    story: Story,
    connection: asyncpg.Connection,
    s3_settings: S3Settings,
    unique: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topics, "BACKGROUND_COMMANDS", system.own_commands)  # as in the worker
    said = tmp_path / "said"  # a pipe that is not read would block them
    system.process.kill()
    await asyncio.to_thread(system.process.communicate)
    system.process = start(system.environment, said=said)
    relay = system.environment | {"RELAY_NAME": unique("relay"), "RELAY_LEASE_SECONDS": "1"}
    relay |= {"RELAY_MAX_ROWS": "7", "WORKER": "1"}
    scenes = [await put_scene(connection, story.account) for _ in range(20)]
    async with BlobStore(s3_settings) as blobs:
        good = await blobs.put(f"results/{scenes[0]}/1.ply", ply(scene(48)), "application/ply")
        broken = await blobs.put(f"results/{scenes[1]}/1.ply", b"Not a splat.", "application/ply")
        photo = await blobs.put("originals/g/1", picture(CAMERA.width, CAMERA.height), "image/png")
    await connection.execute(
        "UPDATE scene_generations SET original_image_url = $2, metadata = $3 WHERE id = $1",
        scenes[3], photo.url(s3_settings.bucket), json.dumps({"image": msgspec.to_builtins(photo)}),
    )  # fmt: skip
    missing = msgspec.structs.replace(good, key="results/none.ply")
    source = dict.fromkeys(scenes, good) | {scenes[1]: broken, scenes[2]: missing}
    carrying = start(relay, "tests.bus.workers.relay_worker", said)
    opened = [CompletedScene(each, story.account, source[each]) for each in scenes]
    try:
        async with connection.transaction():
            await scene_views.order(connection, opened, VIEWS, source="/tests")
        count = "SELECT count(*) FROM export_jobs WHERE status IN ('failed', 'completed')"
        for reached in (1, 8):
            await until(connection, count, reached)
            system.process.kill()
            carrying.kill()
            await asyncio.gather(*(asyncio.to_thread(p.communicate) for p in (system.process, carrying)))
            system.process = start(system.environment, said=said)
            carrying = start(relay, "tests.bus.workers.relay_worker", said)
        export = uuid4()
        await send(system, scenes[0], story.account, {export: ("ply", good, {}, "completed")})
        await system.endings(1)
        assert await connection.fetchval(count) < 2 * len(scenes), "the person came last"
        await until(connection, count, 2 * len(scenes) + 1)
    finally:
        carrying.kill()
        await asyncio.to_thread(carrying.communicate)
    assert set(await system.endings(1)) == {export}  # the log of record has no other export events
    own = await system.endings(2 * len(scenes), system.own_endings)
    assert set(own) == {view.id_for(each) for each in scenes for view in VIEWS}
    codes = {end.code for end in own.values() if isinstance(end, ExportFailed)}
    assert codes == {"splat_corrupt", "blob_missing"}
    rows = await connection.fetch("SELECT * FROM export_jobs WHERE purpose IS NOT NULL")
    assert {row["id"]: row["status"] for row in rows} == {
        each: "failed" if isinstance(end, ExportFailed) else "completed" for each, end in own.items()
    }
    assert sum(row["status"] == "failed" for row in rows) == 4
    scored = {row["id"]: json.loads(row["scores"]) for row in rows if row["scores"]}
    assert [(each, scores["size"]) for each, scores in scored.items()] == [
        (PREVIEW.id_for(scenes[3]), CAMERA.width)
    ]
    assert await connection.fetchval("SELECT count(*) FROM usage_logs") == 0


async def until(connection: asyncpg.Connection, count: str, reached: int) -> None:
    async with asyncio.timeout(2 * GIVE_UP_S):
        while await connection.fetchval(count) < reached:  # noqa: ASYNC110  (another process)
            await asyncio.sleep(0.05)
