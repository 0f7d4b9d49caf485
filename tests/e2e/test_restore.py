"""A system is lost and comes back from a backup that is older than its last work, into an empty home.

| class | members |
|---|---|
| jobs at the time of the backup | ended, in flight in Kafka alone, waiting in the outbox; accepted after it |
| clients | an API key, a stream's cursor from after the backup, a partner |
| a restore that is cut off | while the database is made, while the store is made, while they are filled |
| homes | empty, one with a system, one whose restore is not finished |
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from sharpstream.client import Client
from sharpstream.stack import ports
from sharpstream.stack.process import START_S
from tests.e2e import photos
from tests.e2e.running import Running, new_home
from tests.e2e.test_scene_lives import check_invariants
from tests.gateway.partners.outside import Outside, texts

pytestmark = [pytest.mark.stack, pytest.mark.kill, pytest.mark.drill]

STEPS = ("postgres/data.partial", "s3/data/filerldb2", "postgres/data/base/5")
"""Files of a restore; it is cut off as soon as one appears."""


@pytest.fixture
def homes() -> Iterator[list[Path]]:
    with ExitStack() as stack:
        yield [stack.enter_context(new_home()) for _ in range(2)]


def system(home: Path) -> Running:
    extra = {"INFERENCE_MODEL": "null", "LEDGER_CHECK_SECONDS": "2", "GATEWAY_PORT": str(ports.choose())}
    return Running(home, extra)


async def test_a_lost_system_comes_back(homes: list[Path], tmp_path: Path) -> None:
    former, restored = map(system, homes)
    path, photo = tmp_path / "backup", photos.landscape(tmp_path)
    try:
        former.up()
        key = former.credentials["api_key"]
        done = former.generate(photo)
        splat = fetch(former.wait_for_scene(done)["generated_3d_gaussian_url"])
        (owner,) = await former.fetch("SELECT id FROM users")
        made = former.cli("partners", "create", "acme", "--account-id", str(owner["id"]), "--json")
        assert made.returncode == 0, made.stderr
        former.cli("stack", "stop", "inference")
        in_flight = former.generate(photo)
        await until_none(former, "SELECT count(*) FROM outbox")
        former.cli("stack", "stop", "relay")
        waiting = former.generate(photo)

        said = former.cli("backup", str(path), "--json")
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout)["scenes"] == 3
        former.cli("stack", "start", "relay")
        former.cli("stack", "start", "inference")
        later = former.generate(photo)
        with Client(former.url, key) as client:
            for job in (in_flight, waiting, later):
                cursor = [each.cursor for each in client.follow(job)][-1]
        former.power_cut()

        restore(restored, path)
        refused = system(homes[0]).cli("restore", str(path))
        assert refused.returncode == 1
        assert "holds a system already" in refused.stderr
        started = restored.cli("up")
        assert started.returncode == 0, started.stderr
        assert "these partners need new passwords (sharpstream partners rotate ID): acme" in started.stderr
        assert restored.credentials["api_key"] == key

        assert fetch(restored.scene(done)["generated_3d_gaussian_url"]) == splat
        lost = restored.wait_for_scene(in_flight, "failed")
        assert lost["error_message"].startswith("The queue was lost before it was done")
        restored.wait_for_scene(waiting)
        with restored.client() as client:
            assert client.get(f"/scenes/{later}").status_code == 404
        seen = set()
        with Client(restored.url, key) as client:
            for each in client.stream(after=cursor):
                seen.add((each.type, each.subject))
                if ("generation.completed.v1", waiting) in seen:
                    break
        assert ("generation.failed.v1", in_flight) in seen
        for job in (done, in_flight, waiting):
            assert len(await restored.endings(job)) == 1
        await check_invariants(restored)
        await until_none(restored, "SELECT count(*) FROM restores WHERE agreed_at IS NULL")
        signs_in(restored, json.loads(made.stdout)["id"], done)
    finally:
        former.cli("down")
        restored.cli("down")


def test_a_restore_that_is_cut_off_goes_on(homes: list[Path], tmp_path: Path) -> None:
    former, restored = map(system, homes)
    path = tmp_path / "backup"
    try:
        former.up()
        done = former.generate(photos.landscape(tmp_path))
        former.wait_for_scene(done)
        assert former.cli("backup", str(path)).returncode == 0
        former.cli("down")
        for step in STEPS:
            command = [sys.executable, "-m", "sharpstream", "restore", str(path)]
            first = subprocess.Popen(command, env=restored.env, stderr=subprocess.DEVNULL)
            until = time.monotonic() + 120
            while not (restored.home / step).exists():
                assert time.monotonic() < until, f"{step} did not appear"
                assert first.poll() is None
                time.sleep(0.002)
            restored.power_cut(least=1)
            first.wait()
            refused = restored.cli("up")
            assert refused.returncode == 1
            assert f"sharpstream restore {path}" in refused.stderr
        restore(restored, path)
        restored.up()
        assert restored.scene(done)["status"] == "completed"
    finally:
        former.cli("down")
        restored.cli("down")


def restore(running: Running, path: Path) -> None:
    said = running.cli("restore", str(path))
    assert said.returncode == 0, said.stdout + said.stderr


def fetch(url: str) -> bytes:
    return httpx.get(url).raise_for_status().content


async def until_none(running: Running, query: str) -> None:
    """Wait until a count in the database is 0."""
    deadline = time.monotonic() + START_S
    while count := (await running.fetch(query))[0]["count"]:
        assert time.monotonic() < deadline, f"{count}: {query}"
        await asyncio.sleep(0.2)


def signs_in(running: Running, partner: str, job: str) -> None:
    """A partner gets a new password, and its client reads every event anew."""
    said = running.wait(
        lambda: running.cli("partners", "rotate", partner, "--json"), lambda answer: answer.returncode == 0
    )
    running.wait(  # its rights are made again within a minute
        lambda: json.loads(running.cli("partners", "list", "--json").stdout),
        lambda found: [each["settled"] for each in found] == [True],
    )
    given = json.loads(said.stdout)["kafka"]
    client = Outside(
        slug="acme",
        bootstrap=given["bootstrap_servers"],
        username=given["username"],
        password=given["password"],
    )

    def read(found: list[Any]) -> bool:
        return ("generation.completed.v1", job) in {
            (texts(each)["ce_type"], json.loads(each.value())["subject"]) for each in found
        }

    client.read(read, timeout_s=90)
