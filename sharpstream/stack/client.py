"""The command line's operations on a stack: up, down, status, one part. Holds no state."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from sharpstream.stack import control, environment, orphan_processes
from sharpstream.stack.errors import StackError
from sharpstream.stack.lock import only_one
from sharpstream.stack.logfiles import last_line
from sharpstream.stack.state_dir import Home

_NOT_RUNNING: Final = (ConnectionError, FileNotFoundError)
_POLL_INTERVAL_S: Final = 0.05


def up(home: Home, progress: Callable[[str], None]) -> dict[str, Any]:
    """Start the stack unless it runs, wait until all is ready, and return its status. Raises `StackError`."""
    home.create()
    supervisor: subprocess.Popen[bytes] | None = None
    while True:
        try:
            return _watch(home, progress)
        except _NOT_RUNNING:
            supervisor = supervisor or _start(home)
        except StackError:
            if supervisor is not None:
                supervisor.wait()  # it has said why and stopped all; the next `up` finds nothing of this one
            raise
        match supervisor.poll():
            case None:
                pass
            case 0:  # another `up` was first, or it was stopped: try again
                supervisor = None
            case _:
                raise StackError(_failure(home))
        time.sleep(_POLL_INTERVAL_S)


def _failure(home: Home) -> str:
    """Return why the supervisor could not start anything: its own message, else its log's last line."""
    if home.failure.exists():
        return home.failure.read_text()
    log = home.log("supervisor")
    return f"The supervisor ended: {last_line(log)} (more in {log})"


def _watch(home: Home, progress: Callable[[str], None]) -> dict[str, Any]:
    for reply in control.ask(home, do="wait"):
        if "progress" not in reply:
            return reply
        progress(reply["progress"])
    raise ConnectionResetError("the supervisor went away")


def _start(home: Home) -> subprocess.Popen[bytes]:
    """Start the supervisor in a session of its own, so that it outlives this terminal."""
    env = environment.of_supervisor(home)
    with home.log("supervisor").open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "sharpstream.stack.daemon"],
            env=env,
            cwd=home.root,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def down(home: Home) -> bool:
    """Stop everything, also orphans of a dead supervisor; return whether anything ran."""
    if not home.is_made:
        return False
    ran = False
    with suppress(*_NOT_RUNNING):
        ran = any(control.ask(home, do="down"))
    while not _supervisor_gone(home):
        time.sleep(_POLL_INTERVAL_S)
    return orphan_processes.end(home) > 0 or ran


def _supervisor_gone(home: Home) -> bool:
    with only_one(home) as alone:
        return alone


def status(home: Home) -> dict[str, Any]:
    """Return the supervisor's report, or an empty one when none runs."""
    if home.is_made:
        with suppress(*_NOT_RUNNING):
            for reply in control.ask(home, do="status"):
                return reply
    return {
        "ready": False,
        "gateway": None,
        "kafka": None,
        "roles": {},
        "credentials_file": str(home.credentials),
        "home": str(home.root),
        "supervisor": None,
    }


def part(home: Home, do: str, name: str) -> None:
    """Stop one part, or start it and wait until it is ready. Raises `StackError`."""
    try:
        list(control.ask(home, do=do, part=name))
    except _NOT_RUNNING:
        raise StackError("The stack does not run: sharpstream up") from None
