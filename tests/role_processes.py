"""Processes of roles that log to files: a pipe that is not read stops a process after 64 KiB."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path


class RoleProcesses:
    """Starts processes; their logs lie in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
        """Start one more process."""
        with self._path(len(self._running)).open("wb") as logged:
            started = subprocess.Popen(command, env=environment, stdout=logged, stderr=subprocess.STDOUT)
        self._running.append(started)
        return started

    def end(self) -> None:
        """Kill those that still run, and write each log to stdout, which pytest shows where a test failed."""
        for number, process in enumerate(self._running):
            if process.poll() is None:
                process.kill()
            process.wait()
            sys.stdout.write(f"process {number}, status {process.returncode}:\n")
            sys.stdout.write(self._path(number).read_text(errors="replace"))

    def _path(self, number: int) -> Path:
        return self._folder / f"process-{number}.log"
