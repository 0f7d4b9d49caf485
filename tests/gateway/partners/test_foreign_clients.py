"""Clients of Kafka in other languages, without extra packages, send commands and read events as a partner.

| client | commands in | events |
|---|---|---|
| KafkaJS 2.2 | no compression, gzip: what it has by itself | gzip |
| franz-go 1.22 | none, gzip, snappy, lz4, zstd | gzip |
| Java's own, of Kafka's release here | none, gzip, snappy, lz4, zstd | gzip |

librdkafka, aiokafka and kafka-python are in every other test of the partners; kafka-python reads without its
codecs in `test_bridges.py`. Sources: kafkajs#597, #1141, n8n#4444.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from pathlib import Path

import pytest

from sharpstream.stack import java
from tests.gateway.http.test_generated_clients import need, run
from tests.gateway.partners.outside import Outside
from tests.gateway.partners.test_bridges import PHOTO, body

pytestmark = [pytest.mark.stack, pytest.mark.drill]
HERE = Path(__file__).with_name("foreign")
ALL = {"none", "gzip", "snappy", "lz4", "zstd"}
ACCEPTED = "generation.requested.v1"


def environment(partner: Outside) -> dict[str, str]:
    """Return what the programs are given."""
    return {
        "BOOTSTRAP": partner.bootstrap,
        "USERNAME": partner.username,
        "PASSWORD": partner.password,
        "SLUG": partner.slug,
        "COMMAND": body(image_base64=PHOTO).decode(),
    }


def javascript(folder: Path, given: dict[str, str]) -> str:
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=folder)
    return run("node", "main.js", cwd=folder, **given)


def go(folder: Path, given: dict[str, str]) -> str:
    return run("go", "run", ".", cwd=folder, **given)


def java_(folder: Path, given: dict[str, str]) -> str:
    return run("java", "-cp", f"{java.jars()}/*", "Partner.java", cwd=folder, **given)


@pytest.mark.parametrize(
    ("program", "tool", "codecs"),
    [(javascript, "npm", {"none", "gzip"}), (go, "go", ALL), (java_, "java", ALL)],
    ids=["KafkaJS", "franz-go", "Java"],
)
async def test_a_client_sends_commands_and_reads_their_events(
    bridged, unique, tmp_path, program, tool, codecs
) -> None:
    need(tool)
    _, partner = await bridged.opened(unique("acme"))
    folder = Path(shutil.copytree(HERE / program.__name__.rstrip("_"), tmp_path / "program"))
    printed = await asyncio.to_thread(program, folder, environment(partner))
    assert json.loads(printed) == dict.fromkeys(codecs, ACCEPTED)
