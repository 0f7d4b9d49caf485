"""The commands of an operator: exit status, last line of output, message on stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from uuid import uuid4

import asyncpg
import pytest

from bus.bridges.projector import Projector
from bus.runtime.settings import KafkaSettings
from tests.ledger.story import BUCKET, NOON, Story, insert


def run(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ledger", *arguments]
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.run(command, env=kept | environment, capture_output=True, text=True, check=False)


def test_migrate_logs_what_it_did(empty_database: str) -> None:
    first, second = (run({"DATABASE_URL": empty_database}, "migrate") for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    lines = [json.loads(line) for line in first.stdout.splitlines()]
    assert [line["event"] for line in lines[:-1]] == ["migration_applied"] * (len(lines) - 1)
    assert lines[0]["migration"] == "0001_initial"
    (line,) = second.stdout.splitlines()
    assert (json.loads(line)["event"], json.loads(line)["applied"]) == ("schema_current", 0)


@pytest.mark.parametrize("command", [[], ["run"], ["migrate"], ["invariants"], ["unpark"]])
def test_a_missing_setting_is_reported_in_one_line(command: list[str]) -> None:
    done = run({}, *command)  # no command means run
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr or "KAFKA_BOOTSTRAP_SERVERS" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_unreachable_postgres_is_reported() -> None:
    done = run({"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}, "migrate")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Postgres does not answer at DATABASE_URL")


async def test_invariants(
    ledger: Projector, story: Story, connection: asyncpg.Connection, fresh_database: str
) -> None:
    generation = uuid4()
    await ledger.project([story.requested(generation), story.completed(generation)])
    good = run({"DATABASE_URL": fresh_database}, "invariants")
    assert (good.returncode, json.loads(good.stdout)["holds"]) == (0, True)
    await connection.execute("DELETE FROM usage_logs")
    bad = run({"DATABASE_URL": fresh_database}, "invariants")
    assert bad.returncode == 1
    (broken,) = json.loads(bad.stdout)["broken"]
    assert (broken["rule"], broken["count"]) == ("usage_for_every_counted_event", 1)


async def test_unpark(
    ledger: Projector,
    story: Story,
    connection: asyncpg.Connection,
    fresh_database: str,
    kafka_settings: KafkaSettings,
) -> None:
    await ledger.project([story.raw(key=None, value=b"{", headers=[])])
    environment = {
        "DATABASE_URL": fresh_database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "S3_BUCKET": BUCKET,
    }
    assert run(environment, "unpark").returncode == 1  # still unreadable
    assert await connection.fetchval("SELECT count(*) FROM parked_events") == 1
    await connection.execute("DELETE FROM parked_events")
    assert run(environment, "unpark").returncode == 0


async def test_rebuild(
    story: Story, connection: asyncpg.Connection, fresh_database: str, kafka_settings: KafkaSettings
) -> None:
    environment = {
        "DATABASE_URL": fresh_database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "S3_BUCKET": BUCKET,
    }
    good = run(environment, "rebuild")
    assert good.returncode == 0, good.stderr
    summary = json.loads(good.stdout.splitlines()[-1])
    assert (summary["equal"], summary["events"], summary["differences"]) == (True, 0, [])
    forged = {"id": uuid4(), "event_id": uuid4(), "user_id": story.account, "event_type": "scene_generate"}
    await insert(connection, "usage_logs", forged | {"details": "{}", "created_at": NOON})
    bad = run(environment, "rebuild", "--compare")
    assert bad.returncode == 1, bad.stderr
    (difference,) = json.loads(bad.stdout.splitlines()[-1])["differences"]
    assert (difference["table"], difference["key"]) == ("usage_logs", str(forged["event_id"]))
    assert difference["rebuilt"] is None
