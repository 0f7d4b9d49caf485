"""Dead letters are listed once, whatever their bytes."""

from __future__ import annotations

import json
from dataclasses import replace
from uuid import uuid4

import asyncpg
import pytest

from bus.bridges.projector import Projector
from bus.contract import topics
from bus.contract.messages import GenerateScene
from bus.kafka.retry import Record, Routing
from bus.runtime.errors import TransientError
from ledger import dead_letters
from tests.ledger.story import EPOCH, NOON, PHOTO, Story


@pytest.fixture
def dead(pool: asyncpg.Pool) -> Projector:
    apply = dead_letters.DeadLetters(epoch=EPOCH).apply
    return Projector(pool, name=dead_letters.PROJECTOR, epoch=EPOCH, apply=apply)


def given_up(story: Story):
    """Return a command and the record that the processor writes after its last attempt."""
    command = GenerateScene(generation_id=uuid4(), account_id=story.account, source=PHOTO, requested_at=NOON)
    first = replace(story, topic=topics.COMMANDS_INTERACTIVE).append(command, key=command.generation_id)
    routing = Routing(retries=[], dead=topics.GENERATION_DEAD, give_up=lambda *_: [])
    record = Record(
        topic=topics.COMMANDS_INTERACTIVE,
        partition=5,
        offset=77,
        key=first.key,
        value=first.value,
        headers=first.headers,
        timestamp=NOON,
        attempt=4,
    )
    (out,) = routing.after(record, TransientError("S3 was away.", code="s3_away"))
    return command, story.assign_offset(out)


async def test_a_dead_job_is_listed_with_its_reason(
    dead: Projector, story: Story, connection: asyncpg.Connection
) -> None:
    story.topic = topics.GENERATION_DEAD
    command, record = given_up(story)
    await dead.project([record])
    (row,) = await connection.fetch("SELECT * FROM dead_letters")
    assert (row["subject"], row["account_id"]) == (command.generation_id, story.account)
    assert (row["code"], row["reason"], row["attempts"]) == ("s3_away", "S3 was away.", 4)
    assert (row["origin_topic"], row["state"]) == (topics.COMMANDS_INTERACTIVE.name, "open")
    assert (row["value"], row["dead_at"]) == (record.value, record.timestamp)
    assert ["retry_attempt", "NA=="] in json.loads(row["headers"])


@pytest.mark.parametrize("topic", dead_letters.TOPICS, ids=lambda topic: topic.name)
async def test_any_bytes_are_listed(
    dead: Projector, story: Story, connection: asyncpg.Connection, topic: topics.Topic
) -> None:
    story.topic = topic
    headers = [("retry_error", b"nul \x00 and \xff"), ("retry_attempt", b"9" * 40)]
    await dead.project([story.raw(key=None, value=None, headers=headers)])
    (row,) = await connection.fetch("SELECT * FROM dead_letters")
    assert (row["subject"], row["value"], row["code"]) == (None, None, "unknown")
    assert (row["reason"], row["attempts"]) == ("nul � and �", 2**31 - 1)


def test_every_dead_letter_topic_is_read() -> None:
    """The dead letters of every role are listed, also those of roles added later."""
    assert {topic.name for topic in dead_letters.TOPICS} == {
        topic.name for topic in topics.ALL if ".dead." in topic.name
    }


async def test_a_repeated_dead_letter_changes_nothing(
    dead: Projector, story: Story, pool: asyncpg.Pool, connection: asyncpg.Connection
) -> None:
    story.topic = topics.GENERATION_DEAD
    _, record = given_up(story)
    await dead.project([record])
    await connection.execute("UPDATE dead_letters SET state = 'discarded', settled_at = now()")
    await connection.execute("DELETE FROM projector_offsets")  # a restored database, a stale owner
    await dead.project([record])
    assert [row[0] for row in await connection.fetch("SELECT state FROM dead_letters")] == ["discarded"]
