"""Ends processes of a stack whose supervisor is gone. There should be none, even after a crash.

A process is known by the marks in its environment and by a file that the supervisor wrote when it started
it: the roles hide their environment, also from their own user.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from sharpstream.stack.state_dir import HOME_KEY, PART_KEY, Home, write_private

_TIMEOUT_S: Final = 5.0
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_STARTED_FIELD: Final = 22 - 3
"""Of `/proc/PID/stat`, counted after the name in brackets: ticks since the boot. Every user may read it."""


def note(home: Home, part: str, pid: int) -> None:
    """Write down that the process is this part of the stack; the note of its predecessor is replaced."""
    with suppress(FileNotFoundError):  # it has ended already
        write_private(home.run / f"{part}.pid", {"pid": pid} | _birth(pid))


def forget(home: Home, part: str) -> None:
    """Remove the note of a process that has ended."""
    (home.run / f"{part}.pid").unlink(missing_ok=True)


def find(home: Home) -> list[psutil.Process]:
    """Return the processes of this home, except this one: those noted, and those that carry its marks."""
    found = {process.pid: process for process in (*_noted(home), *_marked(home))}
    found.pop(os.getpid(), None)
    return list(found.values())


def end(home: Home) -> int:
    """Ask them to end, kill those that do not, and return how many there were."""
    processes = find(home)
    for process in processes:
        with suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=_TIMEOUT_S)
    for process in stubborn:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn)
    for path in home.run.glob("*.pid"):
        path.unlink(missing_ok=True)
    return len(processes)


def _noted(home: Home) -> Iterator[psutil.Process]:
    """Yield the noted processes that still run: a number that another process has by now does not count."""
    for path in home.run.glob("*.pid"):
        with suppress(OSError, ValueError, KeyError, TypeError, psutil.Error):
            noted = json.loads(path.read_text())
            pid = int(noted.pop("pid"))
            process = psutil.Process(pid)
            if noted == _birth(pid) and process.status() != "zombie":
                yield process


def _marked(home: Home) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            marks = process.environ()
            if marks.get(HOME_KEY) == str(home.root) and PART_KEY in marks:
                yield process


def _birth(pid: int) -> dict[str, object]:
    """Return what sets this process apart from any other that had or will have its number."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return {"started": int(after_name[_STARTED_FIELD]), "boot": _BOOT.read_text().strip()}
