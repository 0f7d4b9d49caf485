"""Real starts on damaged homes: all comes back, or one sentence refuses; a first start survives every cut.

| class | members |
|---|---|
| data that was made | the database's, the log's, the store's, the memory; missing, not whole, an older copy |
| what each start makes anew | credentials, certificates, sockets, properties, logs |
| a first start that is cut off | while each part is made, between two parts, before the first account |
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sharpstream.client import Client
from sharpstream.stack import ports
from tests.e2e import photos
from tests.e2e.running import Running, new_home
from tests.e2e.test_scene_lives import check_invariants

pytestmark = [pytest.mark.stack, pytest.mark.kill, pytest.mark.drill]

EXTRA = {"INFERENCE_MODEL": "null"}
STEPS = (
    "postgres/data.partial",
    "postgres/data",
    "kafka/data.partial",
    "kafka/data",
    "kafka/data/__cluster_metadata-0",
    "s3/data/vol_dir.uuid",
    "s3/data/filerldb2",
    "kafka/data/sharp.events.v1-0",
    "logs/setup.log",
    "credentials.json",
)
"""Files that appear in a first start; it is cut off as soon as one does."""
LOST = {
    "postgres/data/PG_VERSION": "sharpstream reset postgres",
    "postgres/data": "sharpstream reset postgres",
    "kafka/data": "sharpstream reset kafka",
    "s3/data": "sharpstream reset s3",
    "s3/data/filerldb2": "sharpstream reset s3",
    "memory.json": "sharpstream reset all",
}
MADE_ANEW = ("credentials.json", "s3/tls", "run", "logs", "kafka/server.properties")


@pytest.fixture
def home() -> Iterator[Path]:
    with new_home() as made:
        yield made


def stack(home: Path) -> Running:
    return Running(home, EXTRA | {"GATEWAY_PORT": str(ports.choose())})


def test_a_damaged_home_comes_back_or_is_refused(home: Path, tmp_path: Path) -> None:
    running = stack(home)
    try:
        running.up()
        job = running.generate(photos.landscape(tmp_path))
        running.wait(lambda: running.scene(job)["status"], lambda status: status == "completed")
        running.cli("down")
        older = home.parent / (home.name + "-older")
        shutil.copytree(home, older, ignore=lambda folder, names: [n for n in names if is_socket(folder, n)])

        for name in MADE_ANEW:
            remove(home / name)
        running.up()
        assert running.scene(job)["status"] == "completed"
        running.cli("down")

        for name, words in LOST.items():
            away = home / (name + ".away")
            (home / name).rename(away)
            refused(running, words)
            assert not (home / name).exists(), f"{name} was made anew"
            away.rename(home / name)
        for part in ("postgres", "kafka", "s3"):
            data = home / part / "data"
            data.rename(data.with_name("newer"))
            shutil.copytree(older / part / "data", data)
            refused(running, "an older copy")
            shutil.rmtree(data)
            data.with_name("newer").rename(data)
        running.up()
        assert running.scene(job)["status"] == "completed"
        running.cli("down")

        said = running.cli("reset", "s3", "--yes")
        assert said.returncode == 0, said.stderr
        running.up()
        assert running.scene(job)["status"] == "completed", "scenes stay"
        job = running.generate(photos.landscape(tmp_path))
        running.wait(lambda: running.scene(job)["status"], lambda status: status == "completed")
    finally:
        running.cli("down")
        shutil.rmtree(home.parent / (home.name + "-older"), ignore_errors=True)


async def test_a_lost_kafka_is_made_anew_from_the_database(home: Path, tmp_path: Path) -> None:
    """Every ended scene stays, one in flight is ended once, and a stream goes on at its old cursor."""
    running = stack(home)
    try:
        running.up()
        key = running.credentials["api_key"]
        with Client(running.url, key) as client:
            job = client.generate(photos.landscape(tmp_path)).generation_id
            assert [each.type for each in client.follow(job)][-1] == "generation.completed.v1"
            running.cli("stack", "stop", "inference")
            in_flight = client.generate(photos.landscape(tmp_path)).generation_id
            requested = next(iter(client.follow(in_flight)))
            assert requested.type == "generation.requested.v1"
        (owner,) = await running.fetch("SELECT id FROM users")
        made = running.cli("partners", "create", "acme", "--account-id", str(owner["id"]), "--json")
        assert made.returncode == 0, made.stderr
        running.cli("down")
        remove(home / "kafka" / "data")
        refused(running, "sharpstream reset kafka")

        said = running.cli("reset", "kafka", "--yes")
        assert said.returncode == 0, said.stderr
        started = running.cli("up")
        assert started.returncode == 0, started.stderr
        assert "these partners need new passwords (sharpstream partners rotate ID): acme" in started.stderr
        with Client(running.url, key) as client:
            assert client.scene(job).status == "completed"
            seen = []
            for each in client.stream(after=requested.cursor):
                seen.append((each.type, each.subject))
                if each.type != "generation.started.v1":
                    break
            assert seen == [("generation.failed.v1", in_flight)]
            assert client.scene(in_flight).status == "failed"
            again = client.generate(photos.landscape(tmp_path)).generation_id
            assert [each.type for each in client.follow(again)][-1] == "generation.completed.v1"
        del running.credentials  # read before the topic epoch was raised
        await check_invariants(running)
        partner = json.loads(made.stdout)["id"]
        running.wait(
            lambda: running.cli("partners", "rotate", partner), lambda answer: answer.returncode == 0
        )
        running.cli("down")
        running.up()
        assert running.status()["ready"], "a second start republishes nothing"
    finally:
        running.cli("down")


@pytest.mark.parametrize("step", STEPS)
def test_a_first_start_that_is_cut_off_goes_on(home: Path, step: str) -> None:
    running = stack(home)
    command = [sys.executable, "-m", "sharpstream", "up"]
    first = subprocess.Popen(command, env=running.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while not (home / step).exists():
            assert time.monotonic() < until, f"{step} did not appear"
            assert first.poll() is None
            time.sleep(0.002)
        running.power_cut(least=2)
        first.wait()
        running.up()
        assert running.status()["ready"]
        assert not list(home.rglob("password*")), "initdb's password stays nowhere"
        assert not list(home.rglob("*.aside-*")), "nothing was made twice"
    finally:
        running.cli("down")


def refused(running: Running, words: str) -> None:
    answer = running.cli("up")
    assert answer.returncode == 1, answer.stdout + answer.stderr
    assert words in answer.stderr
    assert "Nothing was changed" in answer.stderr or "cannot be read" in answer.stderr
    assert "Traceback" not in answer.stderr


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def is_socket(folder: str, name: str) -> bool:
    return (Path(folder) / name).is_socket()
