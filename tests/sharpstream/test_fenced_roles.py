"""Every role that may be fenced ends alike and is restarted: status 1, one log line and no traceback."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from bus.contract import topics
from bus.kafka import admin, broker
from bus.runtime.settings import KafkaSettings, S3Settings

pytestmark = pytest.mark.stack
GIVE_UP_S = 120  # only turns a hang into a failure


@dataclass(frozen=True)
class Fenced:
    """A role with static membership: its keys' prefix, what it appends to its ids, what its group reads."""

    command: tuple[str, ...]
    prefix: str
    topics: tuple[topics.Topic, ...]
    suffix: str = ""


MEMBERS = {
    "ledger": Fenced(("ledger", "run"), "LEDGER", (topics.EVENTS,)),
    "export": Fenced(("export_consumer",), "EXPORT", (topics.EXPORT_COMMANDS, *topics.EXPORT_RETRIES)),
    "inference": Fenced(
        ("inference_consumer",),
        "INFERENCE",
        (topics.COMMANDS_INTERACTIVE, topics.COMMANDS_BULK, *topics.GENERATION_RETRIES),
    ),
    "webhooks": Fenced(("gateway", "webhooks"), "WEBHOOKS", (topics.EVENTS,)),
    "partners": Fenced(("gateway", "partners"), "PARTNERS", (topics.EVENTS,), ".events"),
}


@pytest.fixture
async def environment(
    kafka_settings: KafkaSettings, s3_settings: S3Settings, fresh_database: str
) -> dict[str, str]:
    await admin.create_topics(kafka_settings)
    assert kafka_settings.password
    assert s3_settings.access_key_id
    assert s3_settings.secret_access_key
    return os.environ | {
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
        "WEBHOOKS_KEY": "w" * 40,
        "INFERENCE_MODEL": "null",
        "EXPORT_WORKERS": "1",
        "PYTHONUNBUFFERED": "1",
    }


class Child:
    """The process of a role."""

    def __init__(self, log: Path, environment: dict[str, str], *command: str) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command], env=environment, stdout=file, stderr=subprocess.STDOUT
            )

    def said(self) -> str:
        return self._log.read_text()

    async def until(self, poll: Callable[[], Awaitable[bool]]) -> None:
        """Wait until ``poll`` is true; the process must keep running."""
        async with asyncio.timeout(GIVE_UP_S):
            while not await poll():
                assert self.process.poll() is None, self.said()
                await asyncio.sleep(0.1)

    async def ends_as_fenced(self) -> None:
        assert await asyncio.to_thread(self.process.wait, GIVE_UP_S) == 1, self.said()
        lines = [json.loads(line) for line in self.said().splitlines()]  # a traceback would be no JSON
        assert [line["level"] for line in lines if line["event"] == "fenced"] == ["warning"]
        # Jobs of other tests may fail here; their lines name the record.
        assert not [line for line in lines if "exception" in line and "offset" not in line]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Child]]:
    children: list[Child] = []

    def started(environment: dict[str, str], *command: str) -> Child:
        children.append(Child(tmp_path / "log", environment, *command))
        return children[-1]

    yield started
    for child in children:
        child.process.kill()
        child.process.wait()


def stable(kafka: KafkaSettings, group: str) -> bool:
    """Whether the group has a member that has been given its partitions."""
    assert kafka.password
    client = AdminClient(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "security.protocol": kafka.security_protocol,
            "sasl.mechanism": kafka.sasl_mechanism,
            "sasl.username": kafka.username,
            "sasl.password": kafka.password.get_secret_value(),
        }
    )
    found = client.describe_consumer_groups([group])[group].result(GIVE_UP_S)
    return found.state is ConsumerGroupState.STABLE


@pytest.mark.parametrize("name", MEMBERS)
async def test_a_member_whose_id_another_process_takes(
    name: str,
    environment: dict[str, str],
    kafka_settings: KafkaSettings,
    unique: Callable[[str], str],
    start: Callable[..., Child],
) -> None:
    role, group, instance = MEMBERS[name], unique(name), unique("worker")
    child = start(
        environment | {f"{role.prefix}_GROUP": group, f"{role.prefix}_INSTANCE_ID": instance}, *role.command
    )
    group, instance = group + role.suffix, instance + role.suffix
    await child.until(lambda: asyncio.to_thread(stable, kafka_settings, group))
    usurper = broker.consumer(kafka_settings, client_id="tests", group_id=group, group_instance_id=instance)
    usurper.subscribe([topic.name for topic in role.topics])  # it inherits the member's partitions
    await usurper.start()
    try:
        await child.ends_as_fenced()
    finally:
        await usurper.stop()


async def test_a_relay_whose_lease_another_takes(
    environment: dict[str, str], fresh_database: str, start: Callable[..., Child]
) -> None:
    connection = await asyncpg.connect(fresh_database)

    async def leads() -> bool:
        return bool(await connection.fetchval("SELECT max(epoch) FROM relay_lease"))

    try:
        child = start(environment | {"RELAY_LEASE_SECONDS": "1"}, "gateway", "relay")
        await child.until(leads)
        await connection.execute("UPDATE relay_lease SET epoch = epoch + 1")
        await child.ends_as_fenced()
    finally:
        await connection.close()
