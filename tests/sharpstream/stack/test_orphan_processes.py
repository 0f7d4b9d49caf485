"""Only this home's processes are ended, also those that hide their environment."""

from __future__ import annotations

import json
import os
import subprocess

import psutil
import pytest

from sharpstream.stack import orphan_processes
from sharpstream.stack.state_dir import HOME_KEY, PART_KEY, Home


def sleeper(marks: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "600"], env=os.environ | marks)


def test_only_marked_processes_of_this_home_are_ended(home: Home) -> None:
    mine = sleeper({HOME_KEY: str(home.root), PART_KEY: "kafka"})
    person = sleeper({HOME_KEY: str(home.root)})
    other = sleeper({HOME_KEY: str(home.root / "other"), PART_KEY: "kafka"})
    try:
        assert [process.pid for process in orphan_processes.find(home)] == [mine.pid]
        assert orphan_processes.end(home) == 1
        assert mine.poll() is not None
        assert (person.poll(), other.poll()) == (None, None)
        assert orphan_processes.end(home) == 0
    finally:
        for process in (mine, person, other):
            process.kill()
            process.wait()


def test_a_process_that_hides_its_environment_is_found_by_its_note(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden, later = sleeper({}), sleeper({})
    try:
        orphan_processes.note(home, "gateway", hidden.pid)
        orphan_processes.note(home, "relay", later.pid)
        path = home.run / "relay.pid"
        note = json.loads(path.read_text())
        path.write_text(json.dumps(note | {"started": note["started"] - 1}))  # its number was another's then
        (home.run / "ledger.pid").write_text("damaged")

        def refused(_: psutil.Process) -> dict[str, str]:
            raise psutil.AccessDenied

        monkeypatch.setattr(psutil.Process, "environ", refused)
        assert [process.pid for process in orphan_processes.find(home)] == [hidden.pid]
        assert orphan_processes.end(home) == 1
        assert (psutil.pid_exists(hidden.pid), later.poll()) == (False, None)
        assert list(home.run.glob("*.pid")) == []
    finally:
        for process in (hidden, later):
            process.kill()
            process.wait()


def test_a_process_that_has_ended_is_not_noted(home: Home) -> None:
    ended = subprocess.Popen(["true"])
    ended.wait()
    orphan_processes.note(home, "gateway", ended.pid)
    assert orphan_processes.find(home) == []
