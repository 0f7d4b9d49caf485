"""Kafka after a kill: its controller gives the killed broker up first; after a stop there is no need."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sharpstream.stack import fencing
from sharpstream.stack.kafka import Kafka
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.supervisor import Supervisor
from tests.sharpstream.stack.programs import restarted


def test_a_folder_tells_whether_its_broker_was_killed(tmp_path: Path) -> None:
    assert not fencing.was_killed(tmp_path)  # just formatted
    (tmp_path / "__cluster_metadata-0").mkdir()
    assert fencing.was_killed(tmp_path)
    (tmp_path / ".kafka_cleanshutdown").touch()
    assert not fencing.was_killed(tmp_path)


@pytest.mark.parametrize(("says", "fenced"), [("Fencing broker 1 because", True), ("something else", False)])
def test_the_controller_is_killed_once_it_has_said_so(tmp_path: Path, says: str, fenced: bool) -> None:
    then = "import time; time.sleep(600)" if fenced else ""
    script = f"print('starting'); print('{says}', flush=True)\n{then}"
    with capture_logs() as logs:
        fencing.fence([sys.executable, "-c", script], env=os.environ, cwd=tmp_path)
    assert [(line["event"], line["fenced"]) for line in logs] == [("killed_broker_fenced", fenced)]


def test_a_controller_that_never_says_so_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fencing, "LONGEST_S", 0.2)
    with capture_logs() as logs:
        fencing.fence([sys.executable, "-c", "import time; time.sleep(600)"], env=os.environ, cwd=tmp_path)
    assert [line["fenced"] for line in logs] == [False]


@pytest.mark.stack
async def test_a_killed_kafka_is_fenced_and_a_stopped_one_is_not(home: Home) -> None:
    keeper = Supervisor(home, [Kafka(home, Memory(home))])
    with capture_logs() as logs:
        await keeper.start(["kafka"])
        part = keeper.part("kafka")
        old = part.pid
        assert old
        os.kill(old, signal.SIGKILL)
        await restarted(part, old)
        await keeper.stop()
        await keeper.start(["kafka"])
        await keeper.stop()
    told = [line for line in logs if line["event"] in {"killed_broker_fenced", "part_started"}]
    assert [line["event"] for line in told] == [
        "part_started",
        "killed_broker_fenced",
        "part_started",
        "part_started",
    ]
    assert told[1]["fenced"] is True
