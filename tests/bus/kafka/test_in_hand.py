"""A record that kills its process twice in a row goes to its next attempt unread; others pay nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from bus.contract.envelope import header, present
from bus.kafka.in_hand import InHand, Note, read
from bus.kafka.retry import ATTEMPT, CODE
from bus.runtime.settings import KafkaSettings
from tests.bus.bridge_servers import SESSION_S, make_topic, numbered, produce, read_all, until, values
from tests.bus.fleet import Fleet, kafka_environment

DEADLY = 5
RECORDS = 12


def opened(note: Note, end: int | None = None, *, owner: str = "me/1", most: int = 3) -> InHand:
    made = InHand(owner, most)
    made.opened(note, end)
    return made


def test_a_note_is_read_back_and_others_are_ignored() -> None:
    for note in (Note("a/1"), Note("a/1", 7), Note()):
        assert read(note.text) == note
    for other in (None, "", "x", "[]", '{"owner": 1}'):
        assert read(other) == Note()


def test_the_first_record_needs_a_note_and_later_ones_none() -> None:
    state = opened(Note())
    assert not state.may_start(0)
    assert state.before(0) == Note("me/1")
    state.written(Note("me/1"))
    assert state.may_start(0)
    assert state.may_start(1)


def test_notes_that_are_off_hold_nothing_up() -> None:
    assert opened(Note(), owner="").may_start(0)


def test_after_a_death_records_are_handled_alone_as_many_as_were_in_hand() -> None:
    state = opened(Note("other/1"), end=100, most=2)
    for offset in (10, 12):
        assert not state.may_start(offset)
        assert state.before(offset) == Note("me/1", offset)
        state.written(Note("me/1", offset))
        assert state.may_start(offset)
        state.started()
        state.written(Note("me/1"))
    assert state.may_start(13)


def test_records_of_after_the_death_are_not_suspected() -> None:
    state = opened(Note("other/1"), end=11)
    assert state.suspects(10)
    assert not state.suspects(11)


def test_the_record_of_two_deaths_is_condemned() -> None:
    state = opened(Note("other/1", 10), end=100)
    state.written(Note("me/1"))
    assert state.condemned(10)
    assert state.may_start(10)
    assert state.suspects(11)


def test_a_partition_that_comes_back_keeps_its_note() -> None:
    state = opened(Note("me/1"))
    assert state.may_start(0)


@pytest.mark.stack
@pytest.mark.kill
async def test_a_deadly_record_is_parked_and_costs_no_other_an_attempt(
    kafka_settings: KafkaSettings, unique: Callable[[str], str], tmp_path: Path
) -> None:
    incoming = await make_topic(kafka_settings, unique("in"), partitions=1)
    retry = await make_topic(kafka_settings, unique("retry"), partitions=1, delay_ms=500)
    out = await make_topic(kafka_settings, unique("out"), partitions=1)
    dead = await make_topic(kafka_settings, unique("dead"))
    group = unique("group")
    environment = kafka_environment(kafka_settings) | {
        "GROUP": group,
        "TOPIC_IN": incoming.name,
        "TOPIC_RETRY": retry.name,
        "TOPIC_OUT": out.name,
        "TOPIC_DEAD": dead.name,
        "SESSION_SECONDS": str(SESSION_S),
        "MAX_IN_FLIGHT": "8",
        "WORK_SECONDS": "0.05",
        "DEADLY": str(DEADLY),
    }
    await produce(kafka_settings, [numbered(incoming.name, "key", number) for number in range(RECORDS)])

    others = [number for number in range(RECORDS) if number != DEADLY]

    async def ended() -> bool:
        if len(await read_all(kafka_settings, dead.name)) < 1:
            return False
        return len(await read_all(kafka_settings, out.name)) >= len(others)

    async with Fleet("processor_worker.py", 1, environment, tmp_path / "workers.log") as fleet:
        await until(ended, what="the dead letter and all results", within_s=180)
        # The last process may have answered all before it opened the first partition again, whose note it
        # then rightly leaves alone. A result of its own there shows that it has.
        others.append(RECORDS)
        await produce(kafka_settings, [numbered(incoming.name, "key", RECORDS)])
        await until(ended, what="a result of the last process", within_s=60)
    assert sorted(values(await read_all(kafka_settings, out.name))) == others
    assert values(await read_all(kafka_settings, retry.name)) == [DEADLY]
    (letter,) = await read_all(kafka_settings, dead.name)
    assert header(present(letter.headers), CODE) == "worker_died"
    assert header(present(letter.headers), ATTEMPT) == "2"
    assert fleet.exits[-9] == 4, "two deaths for each of its two attempts"
    admin = AIOKafkaAdminClient(**kafka_settings.client_options())
    await admin.start()
    try:
        left = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    note = left[TopicPartition(incoming.name, 0)].metadata
    assert read(note) == Note(), "the last process stopped in order"
