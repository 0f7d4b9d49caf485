"""Ends processes of a stack whose supervisor is gone. There should be none, even after a crash."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

import psutil

from sharpstream.stack.state_dir import HOME_KEY, PART_KEY, Home

_TIMEOUT_S: Final = 5.0


def find(home: Home) -> list[psutil.Process]:
    """Return the processes that carry this home's marks in their environment, except this one."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            marks = process.environ()
            if marks.get(HOME_KEY) == str(home.root) and PART_KEY in marks and process.pid != os.getpid():
                found.append(process)
    return found


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
    return len(processes)
