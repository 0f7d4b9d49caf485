"""The shared fixtures themselves, against the real servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError
from pydantic import SecretStr

from bus.blobs import BlobStore
from bus.bridges.postgres_errors import UNREACHABLE
from bus.kafka import broker
from bus.runtime.settings import KafkaSettings, S3Settings
from tests.conftest import Infra
from tests.databases import Databases

pytestmark = pytest.mark.stack


async def test_kafka_carries_a_record(kafka_settings: KafkaSettings, unique: Callable[[str], str]) -> None:
    topic = unique("infra")
    admin = AIOKafkaAdminClient(**kafka_settings.client_options())
    await admin.start()
    producer = broker.producer(kafka_settings, client_id="tests")
    try:
        await admin.create_topics([NewTopic(topic, 1, 1)])
        await producer.start()
        sent = await producer.send_and_wait(topic, b"hello")
        assert sent.offset == 0
    finally:
        await producer.stop()
        await admin.close()


async def test_unknown_clients_are_refused_at_the_partner_listener(infra: Infra) -> None:
    stranger = infra.kafka.model_copy(
        update={"bootstrap_servers": infra.partners_bootstrap, "password": SecretStr("guessed")}
    )
    producer = broker.producer(stranger, client_id="tests")
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    await producer.stop()


async def test_s3_keeps_an_object(s3_settings: S3Settings, unique: Callable[[str], str]) -> None:
    async with BlobStore(s3_settings) as store:
        ref = await store.put(unique("key"), b"bytes", "text/plain")
        assert await store.get(ref) == b"bytes"


async def test_each_test_has_a_database_of_its_own(empty_database: str) -> None:
    connection = await asyncpg.connect(empty_database)
    try:
        await connection.execute("CREATE TABLE mine (id int)")
        assert await connection.fetchval("SELECT count(*) FROM mine") == 0
    finally:
        await connection.close()


async def test_fresh_databases_have_the_tables(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    try:
        assert await connection.fetchval("SELECT to_regclass('users') IS NOT NULL")
    finally:
        await connection.close()


ACCOUNT = (
    "INSERT INTO users"
    " (id, email, password_hash, first_name, last_name, role, created_at, updated_at, is_active)"
    " VALUES (gen_random_uuid(), 'ada@example.com', 'x', 'Ada', 'L', 'user', now(), now(), true)"
)


async def run(url: str, *statements: str) -> Any:
    """Run the statements and return the result of the last."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            answer = await connection.fetchval(statement)
    finally:
        await connection.close()
    return answer


@pytest.fixture
def own(infra: Infra, migrated_template: str) -> Iterator[Databases]:
    """Databases that no other test uses."""
    own = Databases(infra.database_url, migrated_template)
    yield own
    own.close()


def test_an_emptied_database_is_as_a_new_one(own: Databases) -> None:
    used = own.take()
    asyncio.run(run(own.url(used), ACCOUNT, "SELECT nextval('outbox_id_seq')"))
    own.give_back(used)
    again = own.take()
    assert (own.made, own.emptied) == (1, 1)
    assert again != used
    assert asyncio.run(run(own.url(again), "SELECT count(*) FROM users")) == 0
    assert asyncio.run(run(own.url(again), "SELECT nextval('outbox_id_seq')")) == 1
    assert asyncio.run(run(own.url(again), "SELECT count(*) > 0 FROM migrations"))
    own.give_back(again)


@pytest.mark.parametrize(
    "altered",
    [
        ["ALTER TABLE outbox ADD CONSTRAINT refused CHECK (false) NOT VALID"],
        ["ALTER TABLE outbox RENAME TO hidden"],
        ["ALTER TABLE outbox RENAME TO hidden", "ALTER TABLE hidden RENAME TO outbox"],
        ["ALTER TABLE users SET (autovacuum_enabled = off)"],
        ["CREATE TABLE seen (number int)"],
        ["CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
        ["DROP INDEX users_email"],
        ["ALTER TABLE users DISABLE TRIGGER ALL"],
        ["DELETE FROM migrations"],
        [ACCOUNT, "ANALYZE users"],
    ],
    ids=lambda altered: altered[-1],
)
def test_an_altered_database_is_made_anew(own: Databases, altered: list[str]) -> None:
    used = own.take()
    asyncio.run(run(own.url(used), *altered))
    own.give_back(used)
    own.give_back(own.take())
    assert (own.made, own.emptied) == (2, 1)


async def test_who_still_uses_a_database_that_was_given_back_loses_it(own: Databases) -> None:
    used = await asyncio.to_thread(own.take)
    left = await asyncpg.connect(own.url(used))
    await left.execute("BEGIN; LOCK TABLE users")
    await asyncio.to_thread(own.give_back, used)
    with pytest.raises(UNREACHABLE):
        await left.execute("SELECT 1")
    with pytest.raises(asyncpg.InvalidCatalogNameError):
        await asyncpg.connect(own.url(used))
