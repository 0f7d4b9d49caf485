"""Jobs whose command no worker can read any more, and only those, are ended once (real Kafka, Postgres)."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from bus.bridges import outbox
from bus.bridges.projector import Projector, RawRecord, raw_record
from bus.bridges.relay import Relay
from bus.contract import envelope, ids, topics
from bus.contract.messages import (
    GENERATION_ENDINGS,
    AnyMessage,
    ExportFailed,
    ExportScene,
    GenerateScene,
    GenerationFailed,
)
from bus.contract.topics import Topic
from bus.kafka import admin, broker
from bus.kafka.transactions import TransactionalProducer, owner_id
from bus.runtime.settings import KafkaSettings
from gateway.accounts.erasure import Erasing
from gateway.errors import DomainError
from gateway.scenes.cancel_delete import Removing
from gateway.trace import new_trace
from gateway.webhooks import repository as webhook_repository
from ledger import lost_jobs
from ledger.lost_jobs import Kind, LostJobs
from ledger.settings import GroupSettings
from tests.bus.fleet import kafka_environment
from tests.ledger.command_worker import FENCED
from tests.ledger.story import EPOCH, PHOTO, SPLAT, Story

pytestmark = pytest.mark.stack
GIVE_UP_S = 60  # only turns a hang into a failure
AGO = timedelta(days=6, hours=2)
NOW = datetime.now(UTC)


@dataclass
class World:
    """Topics, groups and rows of one test."""

    kafka: KafkaSettings
    pool: asyncpg.Pool
    account: UUID
    groups: GroupSettings
    kinds: tuple[Kind, ...]

    def lost(self, **options: Any) -> LostJobs:
        return LostJobs(self.pool, self.kafka, self.kinds, **options)

    async def scene(self, *, ago: timedelta = AGO, **columns: Any) -> UUID:
        """Insert a pending scene; without ``expires_at``, as the previous release writes it."""
        stated = {
            "id": ids.new_id(),
            "user_id": self.account,
            "original_image_url": "s3://b/o",
            "status": "pending",
            "priority": "interactive",
            "metadata": "{}",
            "created_at": NOW - ago,
            "updated_at": NOW - ago,
        } | columns
        await self._insert("scene_generations", stated)
        return stated["id"]

    async def export(self, scene: UUID, *, ago: timedelta = AGO, **columns: Any) -> UUID:
        stated = {
            "id": ids.new_id(),
            "scene_generation_id": scene,
            "export_format": "SPZ",
            "status": "pending",
            "created_at": NOW - ago,
            "updated_at": NOW - ago,
        } | columns
        await self._insert("export_jobs", stated)
        return stated["id"]

    async def _insert(self, table: str, row: dict[str, Any]) -> None:
        marks = ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await self.pool.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", *row.values())

    def command(self, scene: UUID) -> GenerateScene:
        return GenerateScene(
            generation_id=scene, account_id=self.account, source=PHOTO, requested_at=NOW - AGO
        )

    async def send(
        self,
        topic: Topic,
        message: AnyMessage,
        *,
        key: UUID,
        at: datetime | None = None,
        partition: int | None = None,
    ) -> TopicPartition:
        """Write a record into Kafka and return its partition."""
        out = envelope.record(topic, message, key=key, source="/tests")
        producer = broker.producer(self.kafka, client_id="tests")
        await producer.start()
        try:
            done = await producer.send_and_wait(
                out.topic,
                out.value,
                key=out.key,
                headers=out.headers,
                partition=partition,
                timestamp_ms=int(at.timestamp() * 1000) if at else None,
            )
        finally:
            await producer.stop()
        return TopicPartition(done.topic, done.partition)

    async def remove(self, *parts: TopicPartition) -> None:
        """Delete all records of the partitions, as Kafka's retention does."""
        client = AIOKafkaAdminClient(**self.kafka.client_options())
        await client.start()
        try:
            await client.delete_records({part: RecordsToDelete(before_offset=-1) for part in parts})
        finally:
            await client.close()

    async def published(self) -> list[Any]:
        """The messages in the outbox, which is read and emptied as the relay does."""
        rows = await self.pool.fetch("SELECT records FROM outbox ORDER BY id")
        await self.pool.execute("DELETE FROM outbox")
        found = [record for row in rows for record in outbox.load(row["records"])]
        by_name = {topic.name: topic for topic in (topics.EVENTS, topics.BACKGROUND_ENDINGS)}
        return [envelope.decode(by_name[each.topic], each.value, each.headers).message for each in found]

    async def events(self, until: UUID) -> list[RawRecord]:
        """Return the events in Kafka once they contain this generation's ending."""
        found: list[RawRecord] = []
        consumer = broker.consumer(self.kafka, client_id="tests", group_id=None)
        consumer.assign([TopicPartition(topics.EVENTS.name, n) for n in range(topics.EVENTS.partitions)])
        await consumer.start()
        try:
            async with asyncio.timeout(GIVE_UP_S):
                while until not in {each.generation_id for each in endings(found)}:
                    for records in (await consumer.getmany(timeout_ms=100)).values():
                        found += [raw_record(record) for record in records]
            return found
        finally:
            await consumer.stop()

    def worker(self, stop_at: str) -> subprocess.Popen[bytes]:
        """Start a worker of the group; see `tests.ledger.command_worker`."""
        environment = kafka_environment(self.kafka) | {
            "STOP_AT": stop_at,
            "GROUP": self.groups.inference_group,
            "TOPICS_IN": f"{topics.COMMANDS_INTERACTIVE.name} {topics.GENERATION_RETRIES[0].name}",
            "TOPIC_EVENTS": topics.EVENTS.name,
        }
        command = [sys.executable, "-m", "tests.ledger.command_worker"]
        return subprocess.Popen(command, env=os.environ | environment)

    async def relay(self, dsn: str) -> None:
        """Publish the outbox as the relay does."""
        relay = Relay(self.kafka, dsn, name=self.groups.inference_group)
        running = asyncio.ensure_future(relay.run())
        async with asyncio.timeout(GIVE_UP_S):
            while await self.pool.fetchval("SELECT count(*) FROM outbox"):  # noqa: ASYNC110  (the relay empties it)
                await asyncio.sleep(0.05)
        await relay.stop()
        await running


def endings(records: Sequence[RawRecord]) -> list[Any]:
    found = [envelope.decode(topics.EVENTS, each.value, each.headers).message for each in records]
    return [each for each in found if isinstance(each, GENERATION_ENDINGS)]


@pytest.fixture
async def world(
    pool: asyncpg.Pool,
    story: Story,
    kafka_settings: KafkaSettings,
    unique: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    def own(topic: Topic) -> Topic:
        return replace(topic, name=unique(topic.name), partitions=min(2, topic.partitions))

    names = (
        "COMMANDS_INTERACTIVE",
        "COMMANDS_BULK",
        "EVENTS",
        "EXPORT_COMMANDS",
        "BACKGROUND_COMMANDS",
        "BACKGROUND_ENDINGS",
    )
    made = []
    for name in names:
        made.append(own(getattr(topics, name)))
        monkeypatch.setattr(topics, name, made[-1])
    for name in ("GENERATION_RETRIES", "EXPORT_RETRIES", "BACKGROUND_RETRIES"):
        retries = tuple(own(topic) for topic in getattr(topics, name)[:1])
        monkeypatch.setattr(topics, name, retries)
        made += retries
    await admin.create_topics(kafka_settings, [*made, topics.RELAY_CURSOR])
    groups = GroupSettings(
        inference_group=unique("inference"),
        export_group=unique("export"),
        background_group=unique("background"),
    )
    return World(kafka_settings, pool, story.account, groups, lost_jobs.kinds(groups))


async def test_a_scene_whose_command_was_removed_is_ended_once(world: World) -> None:
    scene = await world.scene(cancel_requested_at=NOW)
    young = await world.scene(ago=timedelta(days=5))
    part = await world.send(topics.COMMANDS_INTERACTIVE, world.command(scene), key=scene)
    # Its partition begins after the request, with the command itself: a worker can still read it.
    assert await world.lost().end_lost() == []
    await world.remove(part)
    assert await world.lost().end_lost() == [scene]
    (event,) = await world.published()
    assert isinstance(event, GenerationFailed)
    assert (event.generation_id, event.account_id, event.code) == (scene, world.account, "expired")
    # The ending is not projected yet; a second check, or another ledger's, publishes nothing.
    assert await asyncio.gather(world.lost().end_lost(), world.lost().end_lost()) == [[], []]
    assert await world.published() == []
    left = await world.pool.fetch("SELECT id FROM scene_generations WHERE lost_at IS NULL")
    assert [row["id"] for row in left] == [young]


async def test_no_job_is_lost_while_a_partition_holds_older_records(world: World) -> None:
    scene = await world.scene()
    other = ids.new_id()
    before = NOW - AGO - timedelta(minutes=1)
    part = await world.send(topics.COMMANDS_BULK, world.command(other), key=other, at=before)
    assert await world.lost().end_lost() == []
    await world.remove(part)
    assert await world.lost().end_lost() == [scene]


async def test_a_command_in_a_retry_topic_is_not_lost(world: World) -> None:
    scene = await world.scene()
    first = await world.send(topics.COMMANDS_INTERACTIVE, world.command(scene), key=scene)
    again = await world.send(topics.GENERATION_RETRIES[0], world.command(scene), key=scene)
    await world.remove(first)
    assert await world.lost().end_lost() == []
    await world.remove(again)
    assert await world.lost().end_lost() == [scene]


async def test_a_command_that_waits_in_the_outbox_is_not_lost(world: World) -> None:
    scene = await world.scene()
    record = envelope.record(topics.COMMANDS_INTERACTIVE, world.command(scene), key=scene, source="/tests")
    async with world.pool.acquire() as connection, connection.transaction():
        await outbox.enqueue(connection, [record])
    await world.pool.execute("UPDATE outbox SET created_at = $1", NOW - AGO)
    assert await world.lost().end_lost() == []
    await world.pool.execute("DELETE FROM outbox")
    assert await world.lost().end_lost() == [scene]


async def test_a_job_with_an_unprojected_ending_is_not_lost(world: World) -> None:
    scene, lost, parked = await world.scene(), await world.scene(), await world.scene()
    ending = GenerationFailed(generation_id=scene, account_id=world.account, code="x", message="Why.")
    await world.send(topics.EVENTS, ending, key=world.account)
    await world.pool.execute(
        'INSERT INTO parked_events (projector, epoch, topic, partition, "offset", key, headers, reason)'
        " VALUES ('ledger', 1, 'x', 0, 0, $1, '[]', 'x')",
        str(parked).encode(),
    )
    assert await world.lost().end_lost() == [lost]


async def test_a_job_that_is_not_lost_blocks_no_later_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_jobs, "PAGE", 1)
    first, second, third = [await world.scene(ago=AGO + timedelta(seconds=9 - n)) for n in range(3)]
    await world.send(topics.COMMANDS_INTERACTIVE, world.command(second), key=second)
    assert await world.lost().end_lost() == [first, third]


@pytest.mark.parametrize("stop_at", ["handler", "before", "inside", "again"])
@pytest.mark.parametrize("retried", [False, True])
async def test_a_worker_resumed_after_its_job_was_ended_publishes_no_ending(
    world: World, ledger: Projector, fresh_database: str, stop_at: str, retried: bool
) -> None:
    """Kafka gets one ending, the ledger's. The command's own expiry is far off: only fencing protects."""
    scene, later = await world.scene(cancel_requested_at=NOW), await world.scene(ago=timedelta(0))
    topic = topics.GENERATION_RETRIES[0] if retried else topics.COMMANDS_INTERACTIVE
    part = await world.send(topic, world.command(scene), key=scene)
    worker = world.worker(stop_at)
    workers = [worker]
    try:
        _, status = await asyncio.to_thread(os.waitpid, worker.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        assert await world.lost().end_lost() == []  # it is still in Kafka
        await world.remove(part)
        assert await world.lost().end_lost() == [scene]
        worker.send_signal(signal.SIGCONT)
        # Its job in flight would be committed before the next record of the same partition.
        await world.send(topic, world.command(later), key=later, partition=part.partition)
        reading = asyncio.ensure_future(world.events(later))
        while not reading.done():
            if workers[-1].poll() is not None:
                assert workers[-1].returncode == FENCED
                workers.append(world.worker("never"))
            await asyncio.wait([reading], timeout=0.1)
        assert [each.generation_id for each in endings(await reading)] == [later]
        await world.relay(fresh_database)
        records = await world.events(scene)
    finally:
        for each in workers:
            each.kill()
            each.wait()
    assert len(workers) == (1 if stop_at == "again" else 2)
    assert sorted((type(each).__name__, each.generation_id) for each in endings(records)) == [
        ("GenerationCompleted", later),
        ("GenerationFailed", scene),
    ]
    await ledger.project(records)
    assert await world.lost().end_lost() == []
    row = await world.pool.fetchrow("SELECT * FROM scene_generations WHERE id = $1", scene)
    assert (row["status"], '"code": "expired"' in row["metadata"]) == ("failed", True)


async def test_an_ended_lost_job_frees_its_quota_and_can_be_deleted_and_erased(
    world: World, ledger: Projector, fresh_database: str
) -> None:
    scene, other = await world.scene(cancel_requested_at=NOW), await world.scene()
    erasing, removing = Erasing(world.pool, webhook_repository.erase), Removing(world.pool)
    room = "SELECT in_flight_lane($1, 2, 2)"
    assert await world.pool.fetchval(room, world.account) is None
    with pytest.raises(DomainError, match="Only a scene that has ended"):
        await removing.delete(world.account, scene, new_trace())
    assert await world.lost().end_lost() == [scene, other]
    await world.relay(fresh_database)
    await ledger.project([*await world.events(other), *await world.events(scene)])
    assert await world.pool.fetchval(room, world.account) == "interactive"
    await removing.delete(world.account, scene, new_trace())
    await erasing.erase(world.account, no_password="")
    await erasing.work()
    assert await world.pool.fetchval("SELECT emptied_at FROM users WHERE id = $1", world.account)


async def test_commands_of_an_older_topic_epoch_are_lost(
    world: World, ledger: Projector, story: Story
) -> None:
    """The topics were recreated: whatever they begin with, a command of the former epoch is not in them."""
    story.clock = NOW - AGO
    scene, same = ids.new_id(), await world.scene()
    await ledger.project([story.requested(scene)])
    other = ids.new_id()
    before = NOW - AGO - timedelta(minutes=1)
    await world.send(topics.COMMANDS_INTERACTIVE, world.command(other), key=other, at=before)
    assert await world.lost().end_lost() == []
    world.kafka = world.kafka.model_copy(update={"topic_epoch": EPOCH + 1})
    part = TopicPartition(topics.COMMANDS_INTERACTIVE.name, 0)
    group = world.groups.inference_group
    owner = TransactionalProducer(world.kafka, transactional_id=owner_id(group, part), group=group)
    await owner.open()
    assert await world.lost().end_lost() == [scene]
    with pytest.raises(Exception, match="taken over"):  # a worker of the former epoch is fenced
        await owner.transact([], {part: 1})
    await owner.open()
    await world.scene()
    assert await world.lost().end_lost() == []
    await owner.transact([], {part: 0})  # workers of the new epoch are fenced only once
    await owner.close()
    assert {each.generation_id for each in await world.published()} == {scene} != {same}


async def test_lost_exports_of_users_and_of_the_system_are_ended(world: World) -> None:
    scene = await world.scene(status="completed")
    asked = await world.export(scene)
    own = await world.export(scene, purpose="viewer", ago=timedelta(days=29, hours=2))
    young = await world.export(scene, purpose="preview")
    command = ExportScene(
        export_id=asked,
        generation_id=scene,
        account_id=world.account,
        source=SPLAT,
        format="SPZ",
        requested_at=NOW - AGO,
    )
    part = await world.send(topics.EXPORT_COMMANDS, command, key=asked)
    assert await world.lost().end_lost() == [own]
    await world.remove(part)
    assert await world.lost().end_lost() == [asked]
    found = await world.published()
    assert {(type(each), each.export_id, each.code) for each in found} == {
        (ExportFailed, own, "expired"),
        (ExportFailed, asked, "expired"),
    }
    assert young not in {each.export_id for each in found}


async def test_an_unreachable_kafka_ends_no_job_and_raises_nothing(world: World) -> None:
    scene = await world.scene()
    away = world.kafka.model_copy(update={"bootstrap_servers": "127.0.0.1:1"})
    assert await LostJobs(world.pool, away, world.kinds).end_lost() == []
    assert await world.lost().end_lost() == [scene]
