"""Kafka is lost and Postgres is kept: the log is published again into a new epoch, and everything goes on.

Each test publishes and projects a log, deletes the topic, makes another of its name, and republishes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from bus.bridges import outbox
from bus.bridges.projector import Projector, RawRecord, raw_record
from bus.contract import envelope, topics
from bus.contract.envelope import OutRecord, present
from bus.contract.messages import GenerateScene, GenerationFailed, GenerationRequested
from bus.contract.topics import Topic
from bus.kafka.transactions import OutcomeUnknownError, TransactionalProducer
from bus.runtime.errors import ConfigurationError
from bus.runtime.settings import KafkaSettings
from gateway.streaming.cursor import partition_of
from ledger import republish as republishing
from ledger.batch_writer import Intake
from ledger.invariants import check
from ledger.lost_jobs import kinds
from ledger.projection import PROJECTOR, EventProjection
from ledger.rebuild import compare
from ledger.republish import Republished, republish
from ledger.settings import GroupSettings
from tests.bus.bridge_servers import make_topic, read_all
from tests.bus.bridges.test_log_identity import id_of, make_anew
from tests.ledger.story import BUCKET, EPOCH, NOON, PHOTO, Story, add_user
from tests.ledger.test_rebuild import publish

pytestmark = pytest.mark.stack
PARTITIONS = 2
NEW = EPOCH + 1


@dataclass
class World:
    """What is left: the database, and a topic of the log's name, which is empty."""

    kafka: KafkaSettings
    topic: Topic
    connection: asyncpg.Connection
    pool: asyncpg.Pool
    stories: list[Story]
    done: UUID
    in_flight: UUID
    waiting: UUID

    async def republish(self) -> Republished | None:
        groups = kinds(GroupSettings())
        return await republish(self.connection, self.kafka, groups, topic=self.topic)

    def ledger(self, epoch: int) -> Projector:
        write = EventProjection(epoch=epoch, bucket=BUCKET).write
        intake = Intake(self.topic, projector=PROJECTOR, epoch=epoch, write=write)
        return Projector(self.pool, name=PROJECTOR, epoch=epoch, apply=intake.apply)

    async def log(self) -> list[RawRecord]:
        return [raw_record(each) for each in await read_all(self.kafka, self.topic.name)]

    async def positions(self, projector: str) -> dict[int, int]:
        rows = await self.connection.fetch(
            "SELECT partition, next_offset FROM projector_offsets"
            " WHERE projector = $1 AND epoch = $2 AND topic = $3",
            projector,
            NEW,
            self.topic.name,
        )
        return {row["partition"]: row["next_offset"] for row in rows}


def accepted(account: UUID, generation: UUID, topic: Topic) -> list[OutRecord]:
    """Return the outbox row of an accepted photo."""
    command = GenerateScene(generation_id=generation, account_id=account, source=PHOTO, requested_at=NOON)
    event = GenerationRequested(generation_id=generation, account_id=account, source=PHOTO)
    made = envelope.record(topics.EVENTS, event, key=account, source="/tests")
    return [
        envelope.record(topics.COMMANDS_INTERACTIVE, command, key=generation, source="/tests"),
        replace(made, topic=topic.name),
    ]


def row_of(record: RawRecord) -> list[OutRecord]:
    return [
        OutRecord(
            topic=record.topic,
            key=record.key or b"",
            value=record.value or b"",
            headers=list(record.headers),
        )
    ]


@pytest.fixture
async def world(
    pool: asyncpg.Pool, kafka_settings: KafkaSettings, unique: Callable[[str], str]
) -> AsyncIterator[World]:
    topic = await make_topic(kafka_settings, unique("events"), partitions=PARTITIONS)
    done, in_flight, waiting = uuid4(), uuid4(), uuid4()
    async with pool.acquire() as connection:
        users = [await add_user(connection) for _ in range(3)]
        stories = [Story(user, partition=partition_of(user, PARTITIONS)) for user in users]
        made = World(
            kafka=kafka_settings.model_copy(update={"topic_epoch": NEW}),
            topic=topic,
            connection=connection,
            pool=pool,
            stories=stories,
            done=done,
            in_flight=in_flight,
            waiting=waiting,
        )
        for story in stories:
            failed = uuid4()
            story.requested(failed)
            story.failed(failed)
        stories[0].requested(done)
        stories[0].requested(in_flight)
        stories[0].completed(done)
        placed = [await publish(kafka_settings, topic, story.published) for story in stories]
        ledger = made.ledger(EPOCH)
        for batch in placed:
            await ledger.project(batch)
        # A projector that is behind: it has not read the last event of the first account's partition.
        last = placed[0][-1]
        await connection.execute(
            "INSERT INTO projector_offsets (projector, epoch, topic, partition, next_offset)"
            " VALUES ('webhooks', $1, $2, $3, $4)",
            EPOCH,
            topic.name,
            last.partition,
            last.offset,
        )
        async with connection.transaction():  # published, and not yet deleted; and one that is not published
            await outbox.enqueue(connection, row_of(placed[0][-1]))
            await outbox.enqueue(connection, accepted(users[0], waiting, topic))
        await connection.execute(
            "INSERT INTO scene_generations (id, user_id, original_image_url, status, priority, metadata,"
            " created_at, updated_at)"
            " VALUES ($1, $2, 's3://b/k', 'pending', 'interactive', '{}', now(), now())",
            waiting,
            users[0],
        )
        await make_anew(kafka_settings, topic.name, PARTITIONS)
        yield made


async def in_order(world: World) -> dict[int, list[tuple[Any, ...]]]:
    """Return what the database holds of each partition's events."""
    rows = await world.connection.fetch(
        'SELECT *, body::text AS text FROM event_log ORDER BY partition, epoch, "offset"'
    )
    found: dict[int, list[tuple[Any, ...]]] = {number: [] for number in range(PARTITIONS)}
    for row in rows:
        found[row["partition"]].append((str(row["event_id"]), str(row["account_id"]), row["text"]))
    return found


def as_published(records: Sequence[RawRecord]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = {number: [] for number in range(PARTITIONS)}
    for each in records:
        named = {name: value.decode() for name, value in each.headers}
        assert each.key is not None
        assert each.value is not None
        found[each.partition].append((named["ce_id"], each.key.decode(), each.value.decode()))
    return found


async def test_the_log_is_whole_again_and_every_projector_goes_on(world: World) -> None:
    result = await world.republish()
    records = await world.log()
    assert as_published(records) == await in_order(world)
    assert result is not None
    assert (result.events, result.dropped, result.ended, result.partners) == (9, 1, 1, [])
    acts = await world.connection.fetch(
        "SELECT details ->> 'events' AS events FROM admin_acts WHERE action = 'republish'"
    )
    assert [act["events"] for act in acts] == ["9"]
    original = {dict(each.headers)["ce_id"]: each for story in world.stories for each in story.published}
    for each in records:  # byte for byte as it was published at first
        before = original[dict(each.headers)["ce_id"]]
        assert (each.key, each.value, set(each.headers)) == (before.key, before.value, set(before.headers))

    ends = {each.partition: each.offset + 1 for each in records}
    assert await world.positions(PROJECTOR) == ends
    (unread,) = [each for each in records if dict(each.headers)["ce_id"] == _id_of_last(world.stories[0])]
    assert await world.positions("webhooks") == {unread.partition: unread.offset}
    known = await world.connection.fetchval("SELECT DISTINCT topic_id FROM projector_offsets WHERE epoch = 2")
    assert known == await id_of(world.kafka, world.topic.name)

    assert (await compare(world.connection, world.kafka, bucket=BUCKET, topic=world.topic)).equal
    story = Story(world.stories[0].account, partition=world.stories[0].partition)
    story.failed(world.in_flight)
    before = await world.connection.fetchval("SELECT count(*) FROM usage_logs")
    await world.ledger(NEW).project([*records, *await publish(world.kafka, world.topic, story.published)])
    rows = await world.connection.fetch("SELECT subject FROM event_log WHERE epoch = $1", NEW)
    assert [row["subject"] for row in rows] == [world.in_flight], "the rest was projected before"
    assert await world.connection.fetchval("SELECT count(*) FROM usage_logs") == before
    assert await check(world.connection) == []


def _id_of_last(story: Story) -> bytes:
    return dict(story.published[-1].headers)["ce_id"]


async def test_what_waits_is_published_once_and_what_is_lost_is_ended_once(world: World) -> None:
    assert await world.republish() is not None
    rows = [outbox.load(row["records"]) for row in await world.connection.fetch("SELECT records FROM outbox")]
    kept = [each for records in rows for each in records if each.key == str(world.waiting).encode()]
    assert [each.topic for each in kept] == [topics.COMMANDS_INTERACTIVE.name]
    endings = [each for records in rows for each in records if each.topic == topics.EVENTS.name]
    (ending,) = [envelope.decode(topics.EVENTS, each.value, present(each.headers)) for each in endings]
    assert isinstance(ending.message, GenerationFailed)
    assert (ending.message.generation_id, ending.message.code) == (world.in_flight, "log_lost")
    lost = await world.connection.fetch("SELECT id FROM scene_generations WHERE lost_at IS NOT NULL")
    assert [row["id"] for row in lost] == [world.in_flight]

    assert await world.republish() is None
    assert len(await world.connection.fetch("SELECT FROM outbox")) == len(rows)
    assert len(await world.log()) == 9


@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_run_that_was_cut_off_is_finished_by_the_next(
    world: World, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    monkeypatch.setattr(republishing, "_BATCH", 2)
    transact = TransactionalProducer.transact
    done = 0

    async def breaks(self: TransactionalProducer, *arguments: Any) -> None:
        nonlocal done
        if done == after:
            raise OutcomeUnknownError("The power was cut.")
        done += 1
        await transact(self, *arguments)

    with monkeypatch.context() as cut:
        cut.setattr(TransactionalProducer, "transact", breaks)
        with pytest.raises(OutcomeUnknownError):
            await world.republish()
    assert len(await world.log()) == 2 * after
    assert await world.positions(PROJECTOR) == {}
    result = await world.republish()
    assert result is not None
    assert result.events == 9
    assert as_published(await world.log()) == await in_order(world)


async def test_it_refuses_what_it_did_not_make(world: World) -> None:
    strange = Story(world.stories[0].account, partition=0)
    strange.requested(uuid4())
    await publish(world.kafka, world.topic, strange.published)
    with pytest.raises(ConfigurationError, match="something else writes there"):
        await world.republish()
    missing = replace(world, topic=replace(world.topic, name=f"{world.topic.name}.missing"))
    with pytest.raises(ConfigurationError, match="has 0 partitions and needs 2"):
        await missing.republish()
    assert await world.positions(PROJECTOR) == {}


async def test_partners_are_made_in_kafka_again_and_get_new_passwords(world: World) -> None:
    await world.connection.executemany(
        "INSERT INTO partners"
        " (id, account_id, slug, state, settled, due_at, created_at, updated_at, deleted_at)"
        " VALUES ($1, $2, $3, $4, true, now(), now(), now(), $5)",
        [
            (uuid4(), world.stories[0].account, "acme", "active", None),
            (uuid4(), world.stories[1].account, "gone", "deleted", NOON),
        ],
    )
    result = await world.republish()
    assert result is not None
    assert result.partners == ["acme"]
    rows = await world.connection.fetch("SELECT slug FROM partners WHERE NOT settled")
    assert [row["slug"] for row in rows] == ["acme"]
