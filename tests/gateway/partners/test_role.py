"""The partners role as a process against the real servers: kills under load, fencing, health and metrics."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from urllib.request import urlopen

import pytest

from bus.bridges.relay import Relay
from bus.kafka import admin
from sharpstream.stack import ports
from tests.bus.bridge_servers import SESSION_S
from tests.bus.fleet import SCALE
from tests.gateway.partners.outside import Outside, texts
from tests.gateway.partners.test_bridges import PHOTO, body, command
from tests.role_processes import RoleProcesses

pytestmark = pytest.mark.stack

COMMANDS = 120
END_S = 120
"""Only turns a hang into a failure: a role gives up tasks, consumers and connections after 10 s each."""


@pytest.fixture
async def start(desk, settings, kafka_settings, unique, tmp_path):
    """A function that starts the role; its processes end with the test. A relay runs meanwhile."""
    await admin.create_topics(kafka_settings)
    processes = RoleProcesses(tmp_path)
    s3 = settings.s3
    environment = os.environ | {
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "KAFKA_USERNAME": kafka_settings.username,
        "KAFKA_PASSWORD": kafka_settings.password.get_secret_value(),
        "DATABASE_URL": settings.database.url.get_secret_value(),
        "DATABASE_POOL_SIZE": "4",
        "S3_ENDPOINT_URL": s3.endpoint_url,
        "S3_ACCESS_KEY_ID": s3.access_key_id.get_secret_value(),
        "S3_SECRET_ACCESS_KEY": s3.secret_access_key.get_secret_value(),
        "S3_BUCKET": s3.bucket,
        "PARTNERS_GROUP": unique("partners"),
        "PARTNERS_INSTANCE_ID": unique("one"),
        "PARTNERS_DISCOVER_SECONDS": "0.2",
    }

    def start(**more: str) -> subprocess.Popen:
        return processes.start([sys.executable, "-m", "gateway", "partners"], environment | more)

    relay = Relay(kafka_settings, settings.database.url.get_secret_value(), name=unique("relay"))
    relaying = asyncio.create_task(relay.run())
    yield start
    await relay.stop()
    await relaying
    processes.end()


def mixed(chance: random.Random) -> tuple[list, dict[str, bool]]:
    """Return commands, some invalid and some repeated, and by ``ce_id`` whether each is valid."""
    records, good = [], {}
    for number in range(COMMANDS):
        ce_id = f"c-{number}"
        good[ce_id] = chance.random() > 0.2
        value = body(image_base64=PHOTO) if good[ce_id] else body(priority="bulk")
        records += [(value, command(ce_id, f"s-{number}"))] * (2 if chance.random() < 0.2 else 1)
    return records, good


class Answers:
    """Collects the events of a partner with an independent client."""

    def __init__(self, partner: Outside) -> None:
        self._partner, self.messages = partner, []

    async def until(self, enough: Callable[[int], bool]) -> None:
        def read() -> list:
            # Longer than the default, as a killed worker's transaction is ended by its successor.
            return self._partner.read(lambda found: enough(len(self.messages) + len(found)), timeout_s=120)

        self.messages += await asyncio.to_thread(read)


async def answered(desk) -> int:
    return (await desk.api.sql("SELECT count(*) AS n FROM partner_commands"))[0]["n"]


SHARES = (0.05, 0.2, 0.4, 0.6, 0.8)[:: 1 if SCALE >= 1 else 3]
"""Of the commands answered, when the role is killed: each start takes 5 s of processor time."""


@pytest.mark.kill
async def test_each_command_has_exactly_one_answer_when_the_role_is_killed(desk, start, unique) -> None:
    chance = random.Random(7)
    _, partner = await desk.opened(unique("acme"))
    records, good = mixed(chance)
    process = start()
    sending = asyncio.create_task(asyncio.to_thread(partner.send_all, records))
    for share in SHARES:
        async with asyncio.timeout(END_S):
            while await answered(desk) < share * COMMANDS:
                assert process.poll() is None
                await asyncio.sleep(0.02)
        await asyncio.sleep(chance.uniform(0, 0.1))
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.wait)
        process = start()
    await sending
    answers = Answers(partner)
    await answers.until(lambda count: count >= COMMANDS)
    # A last command after all the others: any repeated event would precede its event.
    await asyncio.to_thread(partner.send, body(image_base64=PHOTO), headers=command("last", "last"))
    await answers.until(lambda count: count >= COMMANDS + 1)
    found = [(texts(m)["ce_commandid"], json.loads(m.value())["type"]) for m in answers.messages]
    expected = {
        ce_id: "generation.requested.v1" if well else "command.rejected.v1" for ce_id, well in good.items()
    }
    assert found[-1] == ("last", "generation.requested.v1")
    assert Counter(found[:-1]) == Counter(expected.items())
    assert len({texts(m)["ce_id"] for m in answers.messages}) == len(answers.messages)
    scenes = await desk.api.sql("SELECT id, original_image_url, created_at FROM scene_generations")
    assert len(scenes) == sum(good.values()) + 1
    stored = set(await desk.api.services.blobs.keys("originals/"))
    bare = [dict(each) for each in scenes if each["original_image_url"].split("/", 3)[3] not in stored]
    folders = [await desk.api.services.blobs.keys(f"originals/{each['id']}/") for each in bare]
    assert bare == [], f"jobs without their photo; listed one by one: {folders}"
    assert all(len([key for key in stored if str(each["id"]) in key]) == 1 for each in scenes)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait) == 0


@pytest.mark.kill
async def test_a_resumed_role_is_fenced_by_the_newer_instance(desk, start, unique) -> None:
    """Both have the same instance id in both groups and the same transactional ids: the first must end.

    Its session has expired here; `tests.bus.kafka.test_static_membership` covers a return within it.
    """
    _, partner = await desk.opened(unique("acme"))
    answers = Answers(partner)

    async def ask(ce_id: str) -> None:
        before = len(answers.messages)
        await asyncio.to_thread(partner.send, body(image_base64=PHOTO), headers=command(ce_id, ce_id))
        await answers.until(lambda count: count > before)

    first = start(PARTNERS_SESSION_SECONDS=f"{SESSION_S:g}")
    await ask("by the first")
    first.send_signal(signal.SIGSTOP)
    await asyncio.sleep(SESSION_S + 2)  # the session must expire
    second = start(PARTNERS_SESSION_SECONDS=f"{SESSION_S:g}")
    await ask("by the second")
    first.send_signal(signal.SIGCONT)
    assert await asyncio.to_thread(first.wait, END_S) == 1
    await ask("still by the second")
    second.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(second.wait, END_S) == 0
    assert [texts(m)["ce_commandid"] for m in answers.messages] == [
        "by the first",
        "by the second",
        "still by the second",
    ]


async def test_health_metrics_and_a_graceful_stop(desk, start, unique) -> None:
    port = ports.choose()
    process = start(HEALTH_PORT=str(port))
    _, partner = await desk.opened(unique("acme"))
    await asyncio.to_thread(partner.send, body(image_base64=PHOTO), headers=command("1", "a"))
    await asyncio.to_thread(partner.send, b"", headers=command("2", "b"))
    await Answers(partner).until(lambda count: count >= 2)
    text = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{port}/metrics").read().decode())
    for line in (
        'sharpstream_partner_commands_total{outcome="accepted"} 1.0',
        'sharpstream_partner_commands_total{outcome="rejected"} 1.0',
        'sharpstream_partner_rejections_total{code="command_malformed"} 1.0',
        'sharpstream_partner_events_total{type="generation.requested.v1"} 1.0',
    ):
        assert line in text
    ready = await asyncio.to_thread(lambda: urlopen(f"http://127.0.0.1:{port}/health/ready").read())
    assert json.loads(ready) == {"status": "ready"}
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait) == 0
