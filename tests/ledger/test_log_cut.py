"""After the event log or Kafka's log was shortened, a rebuild is equal, and still finds what was changed."""

from __future__ import annotations

from datetime import timedelta

import asyncpg
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from bus.contract.topics import Topic
from bus.runtime.settings import KafkaSettings
from ledger.rebuild import Comparison, compare
from tests.ledger.story import BUCKET, EPOCH
from tests.ledger.test_rebuild import projected, topic

__all__ = ["projected", "topic"]
pytestmark = pytest.mark.stack

TAMPERING = {
    "scene_generations": "UPDATE scene_generations SET metadata = metadata - 'model'",
    "usage_logs": "UPDATE usage_logs SET details = '{}'",
}
MADE_UP = {
    "scene_generations": "INSERT INTO scene_generations (id, user_id, original_image_url, status, priority,"
    " metadata, created_at, updated_at) SELECT gen_random_uuid(), user_id, '', 'completed', 'bulk', '{}',"
    " $1, $1 FROM scene_generations LIMIT 1",
    "usage_logs": "INSERT INTO usage_logs SELECT gen_random_uuid(), gen_random_uuid(), user_id, api_key_id,"
    " event_type, details, $1 FROM usage_logs LIMIT 1",
}


class Log:
    """The live tables and their log."""

    def __init__(self, connection: asyncpg.Connection, kafka: KafkaSettings, topic: Topic) -> None:
        self.connection, self.kafka, self.topic = connection, kafka, topic

    async def compare(self) -> Comparison:
        return await compare(self.connection, self.kafka, bucket=BUCKET, topic=self.topic)

    async def differing(self, statement: str, *arguments: object) -> dict[str, int]:
        """Return the tables that differ after a change, which is undone."""
        tables = ("scene_generations", "usage_logs", "event_log")
        for table in tables:
            await self.connection.execute(f"CREATE TABLE kept_{table} AS TABLE {table}")
        await self.connection.execute(statement, *arguments)
        found = await self.compare()
        for table in tables:
            await self.connection.execute(f"DELETE FROM {table}")
            await self.connection.execute(f"INSERT INTO {table} TABLE kept_{table}")
            await self.connection.execute(f"DROP TABLE kept_{table}")
        return {table: count for table, count in found.counts.items() if count}

    async def delete_records(self, partition: int, below: int) -> None:
        """Remove the beginning of a partition from Kafka, as its retention does."""
        client = AIOKafkaAdminClient(**self.kafka.client_options())
        await client.start()
        part = TopicPartition(self.topic.name, partition)
        await client.delete_records({part: RecordsToDelete(before_offset=below)})
        await client.close()


@pytest.fixture
def log(projected: asyncpg.Connection, kafka_settings: KafkaSettings, topic: Topic) -> Log:
    return Log(projected, kafka_settings, topic)


async def offsets(log: Log, partition: int) -> list[int]:
    rows = await log.connection.fetch(
        'SELECT "offset" FROM event_log WHERE partition = $1 ORDER BY 1', partition
    )
    return [row[0] for row in rows]


async def test_of_a_shortened_event_log_everything_else_is_compared(log: Log) -> None:
    *removed, last = await offsets(log, 0)
    assert await log.connection.fetchval("SELECT forget_events($1, 0, $2)", EPOCH, last) == len(removed)
    result = await log.compare()
    assert (result.differences, result.forgotten, result.events) == ([], len(removed), 20)
    for table, change in TAMPERING.items():
        assert await log.differing(change) == {table: 6 if table == "usage_logs" else 4}
    # One event more than the floor says is missed.
    assert await log.differing("DELETE FROM event_log WHERE partition = 0") == {"event_log": 1}


async def test_of_a_shortened_topic_what_is_whole_in_it_is_compared(log: Log) -> None:
    """Wherever it is cut: also between a request and its ending, and with nothing left."""
    there = await offsets(log, 0)
    owner = await log.connection.fetchval("SELECT account_id FROM event_log WHERE partition = 1 LIMIT 1")
    assert len(there) == 10
    for gone, below in enumerate([*there[1:], there[-1] + 1], 1):
        await log.delete_records(0, below)
        result = await log.compare()
        assert (result.differences, result.events, result.forgotten) == ([], 20 - gone, 0), gone
        if gone not in {1, 10}:
            continue
        # Of the other partition, which is whole, every change is found.
        for table, change in TAMPERING.items():
            count = 3 if table == "usage_logs" else 2
            assert await log.differing(f"{change} WHERE user_id = $1", owner) == {table: count}
        # Of this one what is younger than the cut.
        later = await log.connection.fetchval("SELECT now()") + timedelta(hours=1)
        for table, change in MADE_UP.items():
            assert await log.differing(change, later) == {table: 1}


async def test_of_a_shortened_former_epoch_nothing_is_missed(log: Log) -> None:
    """Its events were not published again, so nothing in the new log can explain its rows."""
    end = (await offsets(log, 1))[-1] + 1
    await log.connection.execute("UPDATE event_log SET epoch = 0 WHERE partition = 1")
    await log.connection.execute("SELECT forget_events(0, 1, $1)", end)
    await log.delete_records(1, end)
    await log.connection.execute("UPDATE projector_offsets SET next_offset = $1 WHERE partition = 1", end)
    assert (await log.compare()).differences == []
