"""The system as this machine's own stack: also what a supervisor and a power cut can do to it."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from sharpstream.stack import client as stack
from sharpstream.stack.state_dir import Home
from tests.e2e.system import System
from tests.sharpstream.stack.programs import tail


class Running(System):
    """The stack in ``home``, started by the stack code itself."""

    def __init__(self, home: Path, extra: dict[str, str] | None = None) -> None:
        self.home = home
        self.env = os.environ | {"SHARPSTREAM_HOME": str(home)} | (extra or {})

    def up(self) -> None:
        """Start everything; fail with what it said."""
        answer = self.cli("up")
        assert answer.returncode == 0, answer.stdout + answer.stderr

    def status(self) -> dict[str, Any]:
        """What ``status --json`` prints, asked from here: a process for each look would take a whole core."""
        return stack.status(Home(self.home))

    @cached_property
    def url(self) -> str:
        """Where the gateway answers; stays the same for the life of the stack."""
        return self.status()["gateway"]["url"]

    @cached_property
    def credentials(self) -> dict[str, Any]:
        """The generated accounts and passwords."""
        return json.loads(Path(self.status()["credentials_file"]).read_text())

    # --- what a power cut does ---

    def pid(self, role: str) -> int:
        """The process of a role or server."""
        return int(self.status()["roles"][role]["pid"])

    def kill(self, role: str, how: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a role; return the pid that got it."""
        pid = self.pid(role)
        os.kill(pid, how)
        return pid

    def power_cut(self) -> None:
        """SIGKILL every process of this stack at once, the supervisor too."""
        mine = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("SHARPSTREAM_HOME") == str(self.home):
                    mine.append(process)
        assert len(mine) > 5, mine
        for process in mine:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(mine)

    def wait_for_restart(self, role: str, old_pid: int) -> None:
        """Wait until the supervisor has put a new process in the old one's place, ready."""
        self.wait(
            self.status,
            lambda s: s["roles"][role]["pid"] not in (old_pid, None) and s["roles"][role]["state"] == "ready",
        )

    def wait_until_ready(self) -> None:
        """Wait until every part serves."""
        self.wait(self.status, lambda status: status["ready"])

    def diagnosis(self) -> str:
        """The ends of the logs of the parts that do not serve."""
        unready = [name for name, part in self.status()["roles"].items() if part["state"] != "ready"]
        return "\n".join(f"--- {name} ---\n{tail(Home(self.home).log(name))}" for name in unready)
