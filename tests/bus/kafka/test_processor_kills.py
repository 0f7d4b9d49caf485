"""Processors are killed and frozen under load: Kafka has every result once, in order."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from bus.contract.envelope import OutRecord
from bus.runtime.settings import KafkaSettings
from tests.bus.bridge_servers import (
    SESSION_S,
    assert_once_each,
    assert_ordered,
    end_offsets,
    make_topic,
    numbered,
    produce,
    read_all,
    until,
    values,
)
from tests.bus.fleet import SCALE, Fleet, havoc, kafka_environment, say, seeded

pytestmark = [pytest.mark.stack, pytest.mark.kill]

RECORDS = int(3000 * SCALE)
KILLS = int(4 * SCALE)
FREEZES = int(2 * SCALE)
PARTITIONS = 6


async def test_every_result_is_published_once_in_order(
    kafka_settings: KafkaSettings, unique: Callable[[str], str], tmp_path: Path
) -> None:
    dice = seeded()
    incoming = await make_topic(kafka_settings, unique("in"), partitions=PARTITIONS)
    retry = await make_topic(kafka_settings, unique("retry"), partitions=2, delay_ms=500)
    out = await make_topic(kafka_settings, unique("out"), partitions=3)
    dead = await make_topic(kafka_settings, unique("dead"))
    environment = kafka_environment(kafka_settings) | {
        "GROUP": unique("group"),
        "TOPIC_IN": incoming.name,
        "TOPIC_RETRY": retry.name,
        "TOPIC_OUT": out.name,
        "TOPIC_DEAD": dead.name,
        "SESSION_SECONDS": str(SESSION_S),
        "MAX_IN_FLIGHT": "8",
        "WORK_SECONDS": "0.1",
    }
    await produce(kafka_settings, _records(incoming.name, dice))
    tps = [TopicPartition(out.name, number) for number in range(out.partitions)]

    async def written() -> int:
        """Estimate the number of results from the end offsets, which include transaction markers."""
        ends = await end_offsets(kafka_settings, tps)
        return int(sum(ends.values()) * 0.75)

    async def complete() -> bool:
        ends = await end_offsets(kafka_settings, tps)
        if sum(ends.values()) < RECORDS * 0.9:
            return False
        ended = [await read_all(kafka_settings, topic.name) for topic in (out, dead)]
        return sum(map(len, ended)) >= RECORDS

    async with Fleet("processor_worker.py", 3, environment, tmp_path / "workers.log") as fleet:
        await havoc(
            fleet,
            dice,
            kills=KILLS,
            freezes=FREEZES,
            freeze_s=SESSION_S + 2,
            progress=written,
            total=RECORDS,
        )
        await until(complete, what="all results", within_s=120)
    results = await read_all(kafka_settings, out.name)
    parked = values(await read_all(kafka_settings, dead.name))
    assert_once_each(values(results) + parked, RECORDS)
    retried = values(await read_all(kafka_settings, retry.name))
    failed = set(range(0, RECORDS, 20))
    unread = set(retried) - failed  # in hand at two deaths in a row
    assert sorted(retried) == sorted(failed | unread)
    assert set(parked) <= set(retried), "only a retry that was in hand at two deaths is parked"
    assert len(unread) + len(parked) <= (KILLS + FREEZES) // 2
    assert_ordered(_first_attempts(results, failed | unread))
    say(f"exits: {dict(fleet.exits)}")


def _records(topic: str, dice: random.Random) -> list[OutRecord]:
    return [numbered(topic, f"key-{dice.randrange(40)}", number) for number in range(RECORDS)]


def _first_attempts(results: Sequence[ConsumerRecord], retried: set[int]) -> list[ConsumerRecord]:
    """Return the results of first attempts, since a retry does not keep its order."""
    return [record for record in results if int(record.value) not in retried]
