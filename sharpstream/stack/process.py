"""Starts child processes that never outlive this process, even if it is killed.

Each child leads its own session (its children are stopped with it) and asks the kernel for a signal at
its parent's death, so that a SIGKILLed supervisor leaves no orphans.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, Protocol

_PR_SET_PDEATHSIG: Final = 1
_POLLS: Final = 40
_POLL_INTERVAL_S: Final = 0.05
"""2 s at most for killed grandchildren to vanish; where no process reaps orphans, entries stay for ever."""
_CLONE_NEWUSER: Final = 0x10000000
_LIBC: Final = ctypes.CDLL(None, use_errno=True)  # loaded before any fork: the child may only call, not load


@dataclass(frozen=True)
class Account:
    """A user of the machine that a child runs as.

    ``in_namespace``: it stays the current user and only seems to be that user, in a user namespace of its
    own: as root without any of root's capabilities, and with root's files in reach.
    """

    name: str
    uid: int
    gid: int
    in_namespace: bool = False


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a process is started and ended."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    account: Account | None = None
    """None: the current one."""
    umask: int = -1
    """Which rights its files and sockets do not get; -1: the current one."""
    nice: int = 0
    """Its niceness beside the other parts."""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 20
    """After this many seconds it is killed."""
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when this process dies. SIGKILL is certain, and all state survives it."""


START_S: Final = 120.0
"""Enough for everything but weights that have to be fetched first."""


class Program(Protocol):
    """A part of the stack, as the supervisor sees it."""

    name: str
    is_server: bool
    """Roles depend on it, so it stops after them."""
    start_seconds: float
    """A part that is not ready by then has failed to start."""
    note: str | None
    """What it does besides, for people; as of the last `ready`."""

    def prepare(self) -> None:
        """Prepare the start; called before every start, in a thread, and quick when nothing is missing."""
        ...

    def launch(self) -> Launch:
        """Return how it is started."""
        ...

    async def ready(self) -> bool:
        """Return whether it is ready. Never raises."""
        ...


async def spawn(launch: Launch, output: IO[bytes], *, capture: bool = False) -> asyncio.subprocess.Process:
    """Start the process; on the main thread only, as the death signal follows the *thread* that forks.

    Its output goes to ``output``; with ``capture`` its standard output is kept for the caller.
    """
    return await asyncio.create_subprocess_exec(
        *launch.argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if capture else output,
        stderr=output,
        env=dict(launch.env),
        cwd=launch.cwd,
        start_new_session=True,
        umask=launch.umask,
        preexec_fn=partial(_begin, launch, die_with_parent(launch.death_signal, launch.account)),
        **_as(launch.account),
    )


def _begin(launch: Launch, die_with_parent: Callable[[], None]) -> None:
    die_with_parent()
    if launch.nice:
        os.nice(launch.nice)
        # Where the kernel schedules by session (sched_autogroup), niceness counts within one alone.
        with suppress(OSError):
            os.write(os.open("/proc/self/autogroup", os.O_WRONLY | os.O_CLOEXEC), b"%d" % launch.nice)


def run(
    argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, account: Account | None = None, text: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a short command to its end, with ``text`` as its input, and return its result."""
    return subprocess.run(  # noqa: S603
        argv,
        input=text,
        env=dict(env),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=die_with_parent(signal.SIGKILL, account),
        **_as(account),
    )


def die_with_parent(how: signal.Signals, account: Account | None = None) -> Callable[[], None]:
    """Return what a new child calls, after its user is changed, which would clear the death signal."""
    parent = os.getpid()

    def ask() -> None:
        if account and account.in_namespace:
            _enter_namespace(account)
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(how), 0, 0, 0)
        if os.getppid() != parent:  # the parent died between the fork and prctl
            os.kill(os.getpid(), signal.SIGKILL)

    return ask


def signal_child(process: asyncio.subprocess.Process, how: signal.Signals) -> None:
    """Send a signal to a child of asyncio's unless it has ended.

    The process' own `send_signal` asks for the exit status first (CPython 3.11), which asyncio's watcher
    waits for too: who comes second reports 255.
    """
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, how)


async def stop(process: asyncio.subprocess.Process, launch: Launch) -> None:
    """Ask it to end, wait, then kill its whole session."""
    if process.returncode is None:
        signal_child(process, launch.stop_signal)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), launch.stop_seconds)
    if process.returncode is None:
        signal_child(process, signal.SIGKILL)
        await process.wait()
    for _ in range(_POLLS):
        if not kill_group(process.pid):
            return
        await asyncio.sleep(_POLL_INTERVAL_S)


def kill_group(leader: int) -> bool:
    """Kill the remaining processes of a child's session and return whether there were any.

    The number cannot be reused while any member lives.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
        return True
    return False


def _as(account: Account | None) -> dict[str, Any]:
    if account is None or account.in_namespace:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def _enter_namespace(account: Account) -> None:
    """Let this process see itself as another user (user_namespaces(7)). Raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    if _LIBC.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no user namespace")
    for file, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{account.uid} {uid} 1"),
        ("gid_map", f"{account.gid} {gid} 1"),
    ):
        Path("/proc/self", file).write_text(text)


def has_namespaces(account: Account) -> bool:
    """Return whether a child may enter a user namespace; container engines often forbid it."""
    try:
        code = f"import os; os._exit(os.geteuid() != {account.uid})"
        done = subprocess.run(  # noqa: S603  (our own code)
            [sys.executable, "-I", "-S", "-c", code],
            preexec_fn=partial(_enter_namespace, account),
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0
