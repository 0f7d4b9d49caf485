"""The webhooks role as a process against the real servers, killed at random times under load."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from urllib.request import urlopen

import pytest
from aiohttp import web

from bus.contract import topics
from bus.contract.envelope import header
from bus.kafka import admin, broker
from sharpstream.stack import ports
from tests.gateway.webhooks.conftest import KEY
from tests.gateway.webhooks.worker import PARTITIONS
from tests.role_processes import RoleProcesses

pytestmark = pytest.mark.stack


@pytest.fixture
async def topic(kafka_settings, unique):
    topic = replace(topics.EVENTS, name=unique("events"), partitions=PARTITIONS)
    await admin.create_topics(kafka_settings, [topic])
    return topic


@pytest.fixture
def start(kafka_settings, fresh_database, topic, unique, tmp_path):
    """A function that starts the role; its processes end with the test."""
    processes = RoleProcesses(tmp_path)
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_USERNAME": kafka_settings.username,
        "KAFKA_PASSWORD": kafka_settings.password.get_secret_value(),
        "DATABASE_URL": fresh_database,
        "DATABASE_POOL_SIZE": "4",
        "WEBHOOKS_KEY": KEY.get_secret_value(),
        "WEBHOOKS_LOOPBACK_PORTS": "1-65535",
        "WEBHOOKS_GROUP": unique("webhooks"),
        "WEBHOOKS_INSTANCE_ID": unique("one"),
        "WEBHOOKS_TIMEOUT_SECONDS": "0.5",
        "WEBHOOKS_LEASE_SECONDS": "1",
        "EVENTS_TOPIC": topic.name,
    }

    def start(**more: str) -> subprocess.Popen:
        return processes.start([sys.executable, "-m", "tests.gateway.webhooks.worker"], environment | more)

    yield start
    processes.end()


async def publish(kafka, topic, records):
    producer = broker.producer(kafka, client_id="tests", transactional_id=f"tests-{topic.name}")
    await producer.start()
    try:
        for at in range(0, len(records), 25):
            async with producer.transaction():
                for record in records[at : at + 25]:
                    await producer.send(
                        topic.name, record.value, key=record.key, headers=list(record.headers)
                    )
    finally:
        await producer.stop()


async def test_every_receiver_gets_every_event_when_the_role_is_killed(
    desk, receiver, start, topic, kafka_settings
):
    paths = [f"/{number}" for number in range(4)]
    for path in paths:
        await desk.endpoint(path)
    records = [desk.event() for _ in range(300)]
    wanted = {header(record.headers, "ce_id") for record in records}
    chance = random.Random(4)
    process = start()
    sent = asyncio.create_task(publish(kafka_settings, topic, records))
    for share in (0.05, 0.2, 0.4, 0.7):
        much = share * len(records) * len(paths)
        await receiver.until(lambda much=much: sum(map(len, receiver.got.values())) >= much)
        await asyncio.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        process = start()
    await sent
    await receiver.until(lambda: all(set(receiver.ids(path)) >= wanted for path in paths))
    await desk.wait_for_states(lambda states: states == {"delivered": len(records) * len(paths)})
    for path in paths:
        assert set(receiver.ids(path)) == wanted  # every one, and none that is unknown
        for got in receiver.got[path]:
            assert desk.verify(path, got)["id"] == got.id
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait) == 0


async def test_a_frozen_process_is_replaced_and_changes_nothing_when_resumed(
    desk, receiver, start, topic, kafka_settings, unique
):
    await desk.endpoint("/a")
    receiver.held["/a"] = asyncio.Event()
    frozen = start()
    records = [desk.event() for _ in range(20)]
    await publish(kafka_settings, topic, records)
    await receiver.until(lambda: len(receiver.got["/a"]) >= 1)
    frozen.send_signal(signal.SIGSTOP)
    receiver.held.pop("/a").set()
    start(WEBHOOKS_INSTANCE_ID=unique("two"))
    await desk.wait_for_states(lambda states: states == {"delivered": 20})
    frozen.send_signal(signal.SIGCONT)
    frozen.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(frozen.wait) == 0
    assert await desk.states() == {"delivered": 20}
    assert set(receiver.ids("/a")) == {header(record.headers, "ce_id") for record in records}


async def test_health_metrics_and_a_graceful_stop(desk, receiver, start, topic, kafka_settings):
    await desk.endpoint("/a")
    receiver.answers["/a"] = [web.Response(status=500)]
    port = ports.choose()
    process = start(HEALTH_PORT=str(port))
    await publish(kafka_settings, topic, [desk.event(), desk.event()])
    await desk.wait_for_states(lambda states: states == {"delivered": 1, "pending": 1})
    text = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{port}/metrics").read().decode())
    for line in (
        'sharpstream_webhook_attempts_total{outcome="delivered"} 1.0',
        'sharpstream_webhook_attempts_total{outcome="refused"} 1.0',
        'sharpstream_webhook_fanned_total{type="generation.deleted.v1"} 2.0',
    ):
        assert line in text
    for name in ("due", "lag_seconds", "seconds_bucket", "in_flight"):
        assert f"sharpstream_webhook_{name}" in text
    ready = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{port}/health/ready").read())
    assert json.loads(ready) == {"status": "ready"}
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait) == 0


def test_a_wrong_setting_is_reported_in_one_line():
    process = subprocess.run(
        [sys.executable, "-m", "gateway", "webhooks"],
        env={"PATH": os.environ["PATH"], "WEBHOOKS_KEY": "short"}
        | {"KAFKA_BOOTSTRAP_SERVERS": "x", "DATABASE_URL": "x"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stderr.count("\n")) == (2, 1)
    assert "WEBHOOKS_KEY" in process.stderr
