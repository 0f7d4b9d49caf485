"""Only this home's processes are ended."""

from __future__ import annotations

import os
import subprocess

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
