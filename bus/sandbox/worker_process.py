"""A worker process as its pool sees it: started with a clean environment, asked, ended."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import msgspec

from bus.sandbox import wire
from bus.sandbox.priority import SessionPriority

KEPT_BYTES: Final = 8 * 1024 * 1024
"""A worker's memory file for results is used again up to here: new memory for 4.7 MB takes 3.5 ms."""
JOBS_EACH: Final = 5000
"""Calls before a worker is replaced, because C libraries leak memory."""
_BLOCK: Final = 512
"""Bytes that ``st_blocks`` counts in."""
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH")
_SERIAL: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}


class WorkerProcess:
    """A process and the socket to it, used by one call at a time."""

    def __init__(self, start: wire.Start) -> None:
        self.calls_left = JOBS_EACH
        self.lowered = False
        """Whether its priority was lowered."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-P", "-m", "bus.sandbox.worker", str(theirs.fileno())]
            kept = {key: os.environ[key] for key in _KEPT if key in os.environ}
            self._process = subprocess.Popen(  # noqa: S603  (our own module)
                command,
                env=kept | _SERIAL,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._session = SessionPriority(self.pid)
        if own := os.getpriority(os.PRIO_PROCESS, 0):
            self._session.change(own)
        ours.setblocking(False)
        self._socket = ours
        self._socket.send(msgspec.msgpack.encode(start))
        self._output: tuple[int, int] | None = None

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    async def ready(self) -> list[str]:
        """Wait until it is confined; return the features that the kernel lacks. Raises EOFError."""
        packet = await self._packet()
        return msgspec.msgpack.decode(packet, type=wire.Ready).lacking

    async def ask(
        self, call: wire.Call, files: Sequence[int], early: Callable[[wire.Reply], None]
    ) -> wire.Reply:
        """Run the call; ``early`` gets what it says before its end. Raises EOFError where it died."""
        self.calls_left -= 1
        try:
            socket.send_fds(self._socket, [msgspec.msgpack.encode(call)], files)
        except OSError as error:
            raise EOFError from error
        while True:
            reply = msgspec.msgpack.decode(await self._packet(), type=wire.Reply)
            if reply.kind != "early":
                return reply
            early(reply)

    def output(self, size: int) -> int:
        """Return the memory file for the next call's result, which holds at least ``size`` bytes.

        What it may still hold is the worker's own.
        """
        if self._output is None or self._output[1] < size:
            self._forget_output()
            self._output = wire.memory_file(size), size
        return self._output[0]

    def take_output(self, size: int) -> memoryview:
        """Return the first ``size`` bytes of the result: a copy, or the memory itself where it is large."""
        if self._output is None:
            raise ValueError("The worker was given no memory.")
        descriptor = self._output[0]
        if size <= KEPT_BYTES:
            return memoryview(os.pread(descriptor, size, 0))
        result = wire.mapped(descriptor, size, writable=False)
        self._forget_output()
        return result

    def shrink(self) -> None:
        """Give large memory back to the system, before the worker waits for its next call."""
        if self._output is not None and os.fstat(self._output[0]).st_blocks * _BLOCK > KEPT_BYTES:
            self._forget_output()

    def _forget_output(self) -> None:
        if self._output is not None:
            os.close(self._output[0])
            self._output = None

    async def _packet(self) -> bytes:
        try:
            packet = await asyncio.get_running_loop().sock_recv(self._socket, wire.MAX_PACKET)
        except ConnectionError as error:
            raise EOFError from error
        if not packet:
            raise EOFError
        return packet

    def lower_priority(self, more: int) -> None:
        """Add to its niceness. That cannot be taken back."""
        self.lowered = True
        if self._process.returncode is None:
            with suppress(ProcessLookupError):  # it has just died
                nice = min(19, os.getpriority(os.PRIO_PROCESS, self.pid) + more)
                os.setpriority(os.PRIO_PROCESS, self.pid, nice)
                self._session.change(nice)

    def kill(self) -> int:
        """End the process and return its status; takes 0.1 s where it holds a gigabyte."""
        self._process.kill()
        return self._process.wait()

    def close(self) -> None:
        """Close the socket; on the event loop, once no call waits on it."""
        self._session.close()
        self._socket.close()
        self._forget_output()
