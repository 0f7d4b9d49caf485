"""The broker of compose.yaml, started by its own script and properties with the jars of the local stack."""

from __future__ import annotations

import asyncio
import base64
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError
from pydantic import SecretStr

from bus.contract import topics
from bus.kafka import admin, broker
from bus.runtime.settings import KafkaSettings
from sharpstream.stack import java, ports

pytestmark = pytest.mark.stack

ROOT = Path(__file__).parents[2]
PASSWORD = "a-Long_random-word"
TOPIC = topics.PROGRESS


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """The part of the image that the script uses: the two commands of Kafka's distribution."""
    bins = tmp_path / "kafka" / "bin"
    bins.mkdir(parents=True)
    options = f"-Xmx256m -Dlog4j2.configurationFile={ROOT}/sharpstream/stack/log4j2.properties"
    for name, main in {
        "kafka-storage.sh": "kafka.tools.StorageTool",
        "kafka-server-start.sh": "kafka.Kafka",
    }.items():
        script = bins / name
        script.write_text(f'#!/bin/sh\nexec {java.java()} {options} -cp "{java.jars()}/*" {main} "$@"\n')
        script.chmod(0o755)
    return bins.parent


def start(image: Path, work: Path, internal: int, controller: int, password: str) -> subprocess.Popen[bytes]:
    ours = [
        f"controller.quorum.voters=1@127.0.0.1:{controller}",
        f"listeners=CONTROLLER://127.0.0.1:{controller},INTERNAL://127.0.0.1:{internal}",
        f"advertised.listeners=INTERNAL://127.0.0.1:{internal}",
        f"log.dirs={work}/data",
    ]
    cluster = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["kafka"]["environment"]
    assert len(base64.urlsafe_b64decode(cluster["KAFKA_CLUSTER_ID"] + "==")) == 16
    with (work / "kafka.log").open("ab") as log:
        return subprocess.Popen(
            ["bash", ROOT / "deploy/kafka/start.sh"],
            env=os.environ
            | {
                "KAFKA_HOME": str(image),
                "KAFKA_WORK": str(work / "tmp"),
                "KAFKA_EXTRA": "\n".join(ours),
                "KAFKA_PASSWORD": password,
                "KAFKA_CLUSTER_ID": cluster["KAFKA_CLUSTER_ID"],
            },
            stdout=log,
            stderr=log,
        )


def ended(log: Path) -> str:
    return log.read_text()[-3000:]


async def admits(settings: KafkaSettings) -> bool:
    client = AIOKafkaClient(**settings.client_options(), client_id="test")
    try:
        await client.bootstrap()
    except KafkaConnectionError:
        return False
    else:
        return bool(client.cluster.brokers())
    finally:
        await client.close()


async def until_it_serves(settings: KafkaSettings, child: subprocess.Popen[bytes], log: Path) -> list[str]:
    async with asyncio.timeout(120):
        port = int(settings.bootstrap_servers.rpartition(":")[2])
        while not await ports.answers(port):
            assert child.poll() is None, ended(log)
            await asyncio.sleep(0.1)
        while True:
            try:
                return await admin.create_topics(settings, [TOPIC])
            except KafkaError:
                assert child.poll() is None, ended(log)
                await asyncio.sleep(0.1)


@pytest.mark.drill
async def test_it_starts_with_its_password_keeps_its_data_and_refuses_others(
    image: Path, tmp_path: Path
) -> None:
    internal, controller = ports.choose(), ports.choose()
    settings = KafkaSettings(
        bootstrap_servers=f"127.0.0.1:{internal}", username="sharpstream", password=SecretStr(PASSWORD)
    )
    for created in ([TOPIC.name], []):  # the second start finds the folder formatted and the topic there
        child = start(image, tmp_path, internal, controller, PASSWORD)
        try:
            assert await until_it_serves(settings, child, tmp_path / "kafka.log") == created
            producer = broker.producer(settings, client_id="t", transactional_id="t")
            await producer.start()
            async with producer.transaction():
                await producer.send_and_wait(TOPIC.name, b"x")
            await producer.stop()
            assert not await admits(settings.model_copy(update={"password": SecretStr("another")}))
            assert await admits(settings)
        finally:
            child.terminate()
            child.wait()
    assert not (tmp_path / "tmp" / "format").exists()
    assert (tmp_path / "tmp" / "server.properties").stat().st_mode & 0o077 == 0


def test_the_word_for_a_file_is_no_password(image: Path, tmp_path: Path) -> None:
    child = start(image, tmp_path, 1, 2, "in-a-file")
    assert child.wait() == 2
    assert "compose.secrets.yaml" in (tmp_path / "kafka.log").read_text()


def test_a_password_that_would_break_the_properties_is_refused(image: Path, tmp_path: Path) -> None:
    child = start(image, tmp_path, 1, 2, 'quote"d')
    assert child.wait() == 2
    assert "KAFKA_PASSWORD" in (tmp_path / "kafka.log").read_text()
