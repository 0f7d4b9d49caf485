"""The system as the stack of this machine, with kills, restarts and power cuts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from sharpstream.stack import client as stack
from sharpstream.stack.state_dir import Home
from tests.e2e.system import System
from tests.sharpstream.stack.programs import tail


class Running(System):
    """The stack in ``home``, started by the stack's own code."""

    def __init__(self, home: Path, extra: dict[str, str] | None = None) -> None:
        self.home = home
        # Receivers of webhooks listen at any port of this machine.
        ours = {"SHARPSTREAM_HOME": str(home), "WEBHOOKS_LOOPBACK_PORTS": "1024-65535"}
        self.env = os.environ | ours | (extra or {})

    def up(self, **limit: float) -> None:
        """Start everything, within a ``timeout`` in seconds. A failure shows the command's output."""
        answer = self.cli("up", **limit)
        assert answer.returncode == 0, answer.stdout + answer.stderr

    def status(self) -> dict[str, Any]:
        """Return the content of ``status --json`` without a process, which would use a whole core."""
        return stack.status(Home(self.home))

    @cached_property
    def url(self) -> str:
        """Return the gateway's address, which is the same for the life of the stack."""
        return self.status()["gateway"]["url"]

    @cached_property
    def credentials(self) -> dict[str, Any]:
        """Return the generated accounts and passwords."""
        return json.loads(Path(self.status()["credentials_file"]).read_text())

    # --- kills and power cuts ---

    def pid(self, role: str) -> int:
        """Return the process id of a role or server."""
        return int(self.status()["roles"][role]["pid"])

    def kill(self, role: str, how: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal to a role; return the pid that received it."""
        pid = self.pid(role)
        os.kill(pid, how)
        return pid

    def power_cut(self, least: int = 6) -> None:
        """SIGKILL every process of this stack at once, the supervisor too; there are ``least`` or more."""
        mine = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("SHARPSTREAM_HOME") == str(self.home):
                    mine.append(process)
        assert len(mine) >= least, mine
        for process in mine:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(mine)

    def wait_for_restart(self, role: str, old_pid: int) -> None:
        """Wait until the supervisor has replaced the old process by a new one that is ready."""
        self.wait(
            self.status,
            lambda s: s["roles"][role]["pid"] not in (old_pid, None) and s["roles"][role]["state"] == "ready",
        )

    def wait_until_ready(self) -> None:
        """Wait until every part is ready."""
        self.wait(self.status, lambda status: status["ready"])

    def diagnosis(self) -> str:
        """Return the ends of the logs of the parts that are not ready."""
        unready = [name for name, part in self.status()["roles"].items() if part["state"] != "ready"]
        return "\n".join(f"--- {name} ---\n{tail(Home(self.home).log(name))}" for name in unready)


@contextmanager
def new_home() -> Iterator[Path]:
    """Yield a folder that an unprivileged database server can reach; it is removed in the end."""
    home = Path(tempfile.mkdtemp(prefix="sharpstream-e2e-", dir="/var/tmp"))
    home.chmod(0o755)
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def started(home: Path, extra: dict[str, str], **limit: float) -> Iterator[Running]:
    """Yield the stack in ``home``, started with ``extra`` in its environment, and stop it."""
    made = Running(home, extra)
    try:
        made.up(**limit)
        yield made
    finally:
        made.cli("down")
