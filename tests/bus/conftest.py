"""Fixtures of the bridges' tests: a broker that a test may stop, and the relay's cursor topic."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bus.contract.topics import RELAY_CURSOR
from bus.kafka import admin
from bus.runtime.settings import KafkaSettings
from sharpstream.stack.errors import StartError
from sharpstream.stack.kafka import Kafka
from sharpstream.stack.process import START_S
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.supervisor import Part, Supervisor
from tests.sharpstream.stack.programs import tail


class OwnKafka:
    """A broker for one test. Its data survives `stop`."""

    def __init__(self, kafka: Kafka, part: Part) -> None:
        self.settings: KafkaSettings = kafka.settings
        self._part = part

    async def start(self) -> None:
        self._part.start()
        try:
            await self._part.until_ready(START_S)
        except StartError as error:
            pytest.fail(f"{error}\n{tail(self._part._home.log('kafka'))}")

    async def stop(self) -> None:
        await self._part.stop()


@pytest.fixture
async def own_kafka() -> AsyncIterator[OwnKafka]:
    """Yield a running broker that the test may stop and start again."""
    with tempfile.TemporaryDirectory(prefix="sharpstream-kafka-", dir="/var/tmp") as folder:
        home = Home(Path(folder))
        home.create()
        kafka = Kafka(home, Memory(home), durable=False)
        supervisor = Supervisor(home, [kafka])
        try:
            await supervisor.start(["kafka"])
            yield OwnKafka(kafka, supervisor.part("kafka"))
        finally:
            await supervisor.stop()


@pytest.fixture
async def kafka(kafka_settings: KafkaSettings) -> KafkaSettings:
    """Return the shared broker, with the topic to which relays commit their cursors."""
    await admin.create_topics(kafka_settings, [RELAY_CURSOR])
    return kafka_settings
