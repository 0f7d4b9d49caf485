"""Tasks that do what a library that was taken over would do; the worker of test_confinement.py."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from bus.sandbox.worker import Made, Output

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def prepare() -> None:
    """Load nothing more."""


def attempt(what: str, *arguments: Any) -> str:
    """Return the name of the error that the attempt ended with, or "done"."""
    try:
        ATTEMPTS[what](*arguments)
    except (OSError, RuntimeError, ValueError) as error:
        return type(error).__name__
    return "done"


def _system_call(number: int, *arguments: int) -> None:
    if _LIBC.syscall(number, *arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _read(path: str) -> None:
    with open(path, "rb") as file:  # noqa: PTH123
        file.read(1)


def _write(path: str) -> None:
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(b"x")


def _connect(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=1).close()


def _old_connect() -> None:
    """Connect without `socket`: on a descriptor that would have to exist before."""
    _LIBC.connect(0, None, 0)
    raise OSError(ctypes.get_errno(), "refused")


def _thread() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()


def _grow_file() -> None:
    made = os.memfd_create("x")
    os.write(made, b"x" * 10)


ATTEMPTS: Final[Mapping[str, Callable[..., Any]]] = {
    "read a file": _read,
    "write a file": _write,
    "delete a file": os.unlink,
    "change a file's mode": lambda path: os.chmod(path, 0o777),  # noqa: PTH101
    "list a folder": os.listdir,
    "connect": _connect,
    "open a UDP socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
    "open a Unix socket": lambda: socket.socket(socket.AF_UNIX),
    "open a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "connect a descriptor": _old_connect,
    "fork": os.fork,
    "start a thread": _thread,
    "run a program": lambda: subprocess.run([sys.executable, "-c", ""], check=True),
    "become a program": lambda: os.execv("/bin/true", ["true"]),
    "read the parent's environment": lambda: _read(f"/proc/{os.getppid()}/environ"),
    "read the parent's memory": lambda: _read(f"/proc/{os.getppid()}/mem"),
    "trace the parent": lambda: _system_call(101, 16, os.getppid(), 0, 0),
    "signal the parent": lambda: os.kill(os.getppid(), 0),
    "signal a thread of the parent": lambda: _system_call(234, os.getppid(), os.getppid(), 0),
    "limit the parent": lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (1, 1)),
    "slow the parent": lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19),
    "raise its own limit": lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)),
    "fill a memory file": _grow_file,
    "share memory": lambda: _system_call(29, 1234, 4096, 0o1600),
    "use io_uring": lambda: _system_call(425, 8, 0),
    "use a key ring": lambda: _system_call(250, 0, -3, 1),
    "use the x32 table": lambda: _system_call(0x40000000 + 41, 1, 1, 0),
}


def seen() -> dict[str, str]:
    """Return the environment."""
    return dict(os.environ)


def allocate(size: int) -> int:
    """Return the size of what was written."""
    return len(bytearray(size))


def spin() -> None:
    """Compute for ever, deaf to signals that can be caught."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass


def sleep(seconds: float) -> int:
    """Return the worker's process id after that."""
    time.sleep(seconds)
    return os.getpid()


def last(niceness: int) -> int:
    """Return the worker's process id once its niceness is this or more."""
    while os.getpriority(os.PRIO_PROCESS, 0) < niceness:
        time.sleep(0.01)
    return os.getpid()


def die(number: int) -> None:
    """Die of a signal."""
    signal.signal(number, signal.SIG_DFL)
    os.abort() if number == signal.SIGABRT else ctypes.string_at(0)


def reverse(data: bytes, share: bool) -> Made:
    """Return the bytes in reverse order."""
    if not share:
        return Made(len(data), data[::-1])
    out = Output.allocate(len(data))
    out[:] = data[::-1]
    return Made(len(data), out)


def lie() -> Made:
    """Return a value of another type than was asked for."""
    return Made({"width": "wide"}, b"")


TASKS: Final[Mapping[str, Callable[..., Any]]] = {
    each.__name__: each for each in (attempt, seen, allocate, spin, sleep, last, die, reverse, lie)
}
