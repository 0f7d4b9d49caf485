"""A worker process: ``python -P -m bus.sandbox.worker FD``.

It imports the module of its tasks and prepares it, gives up its rights, and then runs the tasks that arrive
on the socket ``FD`` until that is closed. A module of tasks has `TASKS`, functions by name, which take the
inputs as bytes and then the arguments, and `prepare`, which loads all that a task will ever need: no file can
be opened afterwards.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, cast

import msgspec

from bus.runtime.errors import SharpstreamError
from bus.sandbox import wire
from bus.sandbox.confinement import confine

MESSAGE_CHARACTERS: Final = 500


class Tasks(Protocol):
    """A module of tasks."""

    TASKS: Mapping[str, Callable[..., Any]]

    @staticmethod
    def prepare() -> None:
        """Load everything."""
        ...


class Made(NamedTuple):
    """A task's result with bytes: a plain ``value``, and the bytes, best written into `Output.allocate`."""

    value: Any
    data: memoryview | bytes


class Output:
    """What the call that runs may send beside its value: early news, and bytes in shared memory."""

    calls: socket.socket
    _descriptor: int | None = None
    _most = 0
    _view: memoryview | None = None

    @classmethod
    def allocate(cls, size: int) -> memoryview:
        """Return ``size`` writable bytes that the caller will see without a copy. Raises MemoryError."""
        if cls._descriptor is None or size > cls._most:
            raise MemoryError(f"The caller allows {cls._most} bytes.")
        try:
            cls._view = wire.mapped(cls._descriptor, size, writable=True)
        except OSError as error:
            raise MemoryError from error
        return cls._view

    @classmethod
    def data(cls) -> memoryview:
        """Return what `allocate` returned last."""
        if cls._view is None:
            raise MemoryError("Nothing was allocated.")
        return cls._view

    @classmethod
    def announce(cls, value: Any) -> None:
        """Send a plain value to the caller now, before the task ends."""
        raw = msgspec.Raw(msgspec.msgpack.encode(value))
        cls.calls.send(msgspec.msgpack.encode(wire.Reply(kind="early", value=raw)))

    @classmethod
    def begin(cls, descriptor: int | None, most: int) -> None:
        """Take the memory file of the next call."""
        cls._descriptor, cls._most, cls._view = descriptor, most, None

    @classmethod
    def filled(cls, data: memoryview | bytes) -> int:
        """Copy the result into the memory file unless it lies there; return its size."""
        if cls._view is None or data is not cls._view:
            cls.allocate(len(data))[:] = data
        return len(data)


def main(descriptor: int) -> None:
    """Run tasks until the socket is closed."""
    with socket.socket(fileno=descriptor) as calls, contextlib.suppress(ConnectionError):
        start = msgspec.msgpack.decode(calls.recv(wire.MAX_PACKET), type=wire.Start)
        tasks = cast(Tasks, importlib.import_module(start.tasks))
        tasks.prepare()
        lacking = confine(start.confinement)
        calls.send(msgspec.msgpack.encode(wire.Ready(lacking=lacking)))
        Output.calls = calls
        while _serve(calls, tasks.TASKS):
            pass


def _serve(calls: socket.socket, tasks: Mapping[str, Callable[..., Any]]) -> bool:
    """Run the next call; return False where there is none."""
    packet, files, _, _ = socket.recv_fds(calls, wire.MAX_PACKET, wire.MAX_FILES)
    if not packet:
        return False
    call = msgspec.msgpack.decode(packet, type=wire.Call)
    signal.alarm(call.alarm_s)  # the caller kills it at the deadline; this is for where the caller is gone
    try:
        Output.begin(files[-1] if call.output_bytes else None, call.output_bytes)
        inputs = [os.pread(each, size, 0) for each, size in zip(files, call.sizes, strict=False)]
        reply = _reply(partial(tasks[call.task], *inputs, *call.arguments))
        del inputs
    finally:
        for each in files:
            os.close(each)
    signal.alarm(0)
    calls.send(msgspec.msgpack.encode(reply))
    return True


def _reply(task: Callable[[], Any]) -> wire.Reply:
    try:
        made = task()
        value, data = made if isinstance(made, Made) else (made, b"")
        raw = msgspec.Raw(msgspec.msgpack.encode(value))
        return wire.Reply(kind="done", value=raw, output_bytes=Output.filled(data) if data else 0)
    except SharpstreamError as error:
        details = {key: each for key, each in error.details.items() if isinstance(each, int | float | str)}
        message = error.message[:MESSAGE_CHARACTERS]
        return wire.Reply(kind="failed", code=error.code, message=message, details=details)
    except MemoryError:
        return wire.Reply(kind="memory")
    except Exception as error:  # noqa: BLE001  (a library's error; the process stays usable)
        return wire.Reply(kind="raised", message=f"{type(error).__name__} at {_where(error)}")
    finally:
        Output.begin(None, 0)


def _where(error: BaseException) -> str:
    """Return file and line of the innermost frame: never the error's text, which may quote the input."""
    found = error.__traceback__
    while found is not None and found.tb_next is not None:
        found = found.tb_next
    return f"{Path(found.tb_frame.f_code.co_filename).name}:{found.tb_lineno}" if found else "nowhere"


if __name__ == "__main__":
    # As the module that tasks import, and not as a second copy of it.
    importlib.import_module("bus.sandbox.worker").main(int(sys.argv[1]))
