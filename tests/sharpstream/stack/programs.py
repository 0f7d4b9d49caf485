"""Small processes for the supervisor's tests."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from sharpstream.stack.process import Launch
from sharpstream.stack.supervisor import Part


class Script:
    """A Python process that is ready once it has made a file of its name."""

    is_server = True
    start_seconds = 120.0
    note: str | None = None
    nice = 0

    def __init__(self, folder: Path, source: str, name: str = "script", stop_seconds: float = 20) -> None:
        self.name = name
        self.ready_file = folder / f"{name}.ready"
        self._folder, self._source, self._stop_seconds = folder, source, stop_seconds

    def prepare(self) -> None:
        self.ready_file.unlink(missing_ok=True)

    def launch(self) -> Launch:
        argv = [sys.executable, "-c", self._source, str(self.ready_file)]
        return Launch(
            argv=argv, env=os.environ, cwd=self._folder, nice=self.nice, stop_seconds=self._stop_seconds
        )

    async def ready(self) -> bool:
        return self.ready_file.exists()


def tail(log: Path) -> str:
    """Return the end of a log, for the message of a failed wait."""
    return log.read_text(errors="replace")[-6000:] if log.exists() else f"(no {log})"


async def restarted(part: Part, old: int) -> int:
    """Wait for a ready process other than ``old`` and return its number; as long as a start may take."""
    try:
        async with asyncio.timeout(part.program.start_seconds), part._changed:
            await part._changed.wait_for(lambda: part.pid not in {old, None} and part.state == "ready")
    except TimeoutError:
        raise AssertionError(
            f"{part.state}: {part.trouble}\n{tail(part._home.log(part.program.name))}"
        ) from None
    assert part.pid is not None
    return part.pid


READY = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch();"
SERVE = READY + "time.sleep(600)"
IGNORE_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN);" + SERVE
DIE = "import sys; print('no such option'); sys.exit(3)"
WITH_CHILD = (
    "import subprocess, sys; child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True);"
    + SERVE
)
