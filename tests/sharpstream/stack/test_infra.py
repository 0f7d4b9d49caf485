"""The shared fixtures themselves, against the real servers."""

from __future__ import annotations

from collections.abc import Callable

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError
from pydantic import SecretStr

from bus.blobs import BlobStore
from bus.kafka import broker
from bus.runtime.settings import KafkaSettings, S3Settings
from tests.conftest import Infra

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


async def test_strangers_are_refused_at_the_partners_door(infra: Infra) -> None:
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
