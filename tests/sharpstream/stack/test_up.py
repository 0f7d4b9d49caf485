"""The whole system through the command line: up, killed, up again, down."""

from __future__ import annotations

import json
import os
import signal
import stat
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import psutil
import pytest

from sharpstream.stack import orphan_processes, ports
from sharpstream.stack.postgres import psql
from sharpstream.stack.process import START_S
from sharpstream.stack.state_dir import Home, Memory
from tests.sharpstream.stack.cli import sharpstream, status

pytestmark = [pytest.mark.stack, pytest.mark.kill, pytest.mark.drill]
PARTS = {
    "kafka",
    "postgres",
    "s3",
    "gateway",
    "relay",
    "webhooks",
    "partners",
    "inference",
    "export",
    "ledger",
}


@pytest.fixture
def running(home: Home) -> Iterator[str]:
    """The output of the first ``up``. Not on 8080, where a developer's own stack may run."""
    Memory(home).remember_port("gateway", ports.choose())
    try:
        yield up(home)
    finally:
        sharpstream(home, "down")


def up(home: Home) -> str:
    answer = sharpstream(home, "up")
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def credentials(home: Home) -> dict[str, Any]:
    return json.loads(home.credentials.read_text())


def check_status(home: Home, printed: str) -> None:
    report = status(home)
    assert report["ready"] is True
    assert set(report["roles"]) == PARTS
    assert {part["state"] for part in report["roles"].values()} == {"ready"}
    assert report["gateway"]["url"] in printed
    assert credentials(home)["api_key"] in printed
    assert report["credentials_file"] == str(home.credentials)
    assert report["model"] == "layered"
    assert "model       layered: depth from its own small network" in printed
    with urllib.request.urlopen(report["gateway"]["url"] + "/docs") as answer:
        assert answer.status == 200


def check_secrets(home: Home) -> None:
    """Check that passwords are in private files and in no command line."""
    memory = home.root / "memory.json"
    for path in (memory, home.credentials):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secrets = [*json.loads(memory.read_text())["secrets"].values(), credentials(home)["password"]]
    for process in orphan_processes.find(home):
        with suppress(psutil.NoSuchProcess):
            line = " ".join(process.cmdline())
            assert not [secret for secret in secrets if secret in line], line


def power_cut(home: Home) -> None:
    """Kill every process at once, the supervisor among them."""
    processes = orphan_processes.find(home)
    assert len(processes) > len(PARTS)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes)


def kill_supervisor(home: Home) -> None:
    """Kill the supervisor alone; the kernel kills its children too."""
    processes = orphan_processes.find(home)
    os.kill(status(home)["supervisor"]["pid"], signal.SIGKILL)
    _, alive = psutil.wait_procs(processes, timeout=START_S)
    assert alive == []


def test_a_stack_from_the_first_up_to_the_last_down(home: Home, running: str) -> None:
    check_status(home, running)
    check_secrets(home)
    before = credentials(home)
    psql(before["database_url"], "CREATE TABLE kept AS SELECT 42 AS answer")

    power_cut(home)
    check_status(home, up(home))
    after = credentials(home)
    assert {key: after[key] for key in ("email", "password", "api_key")} == {
        key: before[key] for key in ("email", "password", "api_key")
    }
    assert psql(after["database_url"], "SELECT answer FROM kept") == "42"

    kill_supervisor(home)
    check_status(home, up(home))

    assert sharpstream(home, "stack", "stop", "relay").returncode == 0
    assert status(home)["roles"]["relay"]["state"] == "stopped"
    assert sharpstream(home, "stack", "start", "relay").returncode == 0
    assert status(home)["roles"]["relay"]["state"] == "ready"

    assert sharpstream(home, "down").stdout == "Stopped.\n"
    assert orphan_processes.find(home) == []
    assert status(home)["ready"] is False
