"""Keeps processes running: starts them, waits until they are ready, restarts dead ones, stops them all.

It does not decide what runs: `Program` defines how, the caller which and when.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, Literal

import structlog

from sharpstream.stack import orphan_processes, process
from sharpstream.stack.errors import StackError, StartError
from sharpstream.stack.logfiles import Limits, last_line, shorten
from sharpstream.stack.process import Program
from sharpstream.stack.state_dir import Home

State = Literal["stopped", "starting", "ready", "unready", "waiting"]
log = structlog.get_logger(__name__)

FIRST_DELAY_S: Final = 0.2
LONGEST_DELAY_S: Final = 10.0
"""Longer would only delay the roles after a server has come back."""
MAX_DEATHS: Final = 5
"""After so many deaths without having been ready, a start fails."""
STABLE_S: Final = 60.0
"""A part that ran this long is restarted without delay."""

STARTING_PAUSE_S: Final = 0.2
READY_PAUSE_S: Final = 5.0
"""Between two questions whether a part is ready. A login takes 10 ms on both sides, and the gateway asks its
database and store before it answers: all parts, asked each second, took 5 % of a core. A part that dies is
noticed at once, without a question."""


class Part:
    """One process that is kept running between `start` and `stop`."""

    def __init__(self, program: Program, home: Home) -> None:
        self.program = program
        self.state: State = "stopped"
        self.restarts = 0
        self.trouble: str | None = None
        """Why it could not be started; None once it could."""
        self._home = home
        self._deaths = 0  # without having been ready in between
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()

    @property
    def is_server(self) -> bool:
        """Whether roles depend on it."""
        return self.program.is_server

    @property
    def pid(self) -> int | None:
        """The running process, if any."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process else None

    def start(self) -> None:
        """Begin to keep it running; idempotent."""
        if self._task is None:
            self.state, self._deaths = "starting", 0
            self._task = asyncio.create_task(self._keep(), name=self.program.name)

    async def stop(self) -> None:
        """Stop it and do not restart it; idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._turn("stopped")

    async def until_ready(self, seconds: float) -> None:
        """Wait until it is ready. Raises `StartError` when it is not by then, or keeps dying."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.state == "ready" or self._deaths >= MAX_DEATHS)
        except TimeoutError:
            raise StartError(self._complaint(f"did not become ready within {seconds:.0f} s")) from None
        if self.state != "ready":
            raise StartError(self._complaint("cannot start"))

    def _complaint(self, what: str) -> str:
        path = self._home.log(self.program.name)
        reason = self.trouble or last_line(path)
        return f"{self.program.name} {what}: {reason} (more in {path})"

    async def _keep(self) -> None:
        """Run it again whenever it ends, after growing pauses while it keeps dying early."""
        delay = FIRST_DELAY_S
        while True:
            began = asyncio.get_running_loop().time()
            self.trouble = await self._once()
            self._deaths += 1
            if asyncio.get_running_loop().time() - began > STABLE_S:
                delay = FIRST_DELAY_S
            log.warning("part_ended", part=self.program.name, reason=self.trouble, again_in_s=delay)
            await self._turn("waiting")
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY_S)
            self.restarts += 1

    async def _once(self) -> str:
        """Run it to its end and return why it ended."""
        await self._turn("starting")
        path = self._home.log(self.program.name)
        try:
            await asyncio.to_thread(self.program.prepare)
            launch = self.program.launch()
            shorten(path, Limits.read(os.environ))
            with path.open("ab") as output:
                child = self._process = await process.spawn(launch, output)
            orphan_processes.note(self._home, self.program.name, child.pid)
        except StackError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001  (whatever it was, the next start may succeed)
            return repr(error)
        log.info("part_started", part=self.program.name, pid=child.pid)
        watch = asyncio.create_task(self._watch())
        try:
            code = await child.wait()
        finally:
            watch.cancel()
            await process.stop(child, launch)
        return f"ended with code {code}: {last_line(path)}"

    async def _watch(self) -> None:
        while True:
            if await self._ready():
                self.trouble, self._deaths = None, 0
                await self._turn("ready")
            elif self.state == "ready":
                await self._turn("unready")
            await asyncio.sleep(self._pause_s)

    @property
    def _pause_s(self) -> float:
        return READY_PAUSE_S if self.state == "ready" else STARTING_PAUSE_S

    async def _ready(self) -> bool:
        try:
            return await self.program.ready()
        except Exception as error:  # noqa: BLE001  (an answer that is none of ours)
            log.warning("readiness_unread", part=self.program.name, error=repr(error))
            return False

    async def _turn(self, state: State) -> None:
        async with self._changed:
            if state != self.state:
                log.info("part_state", part=self.program.name, state=state)
            self.state = state
            self._changed.notify_all()


class Supervisor:
    """All parts of one stack, by name, in the order in which they start."""

    def __init__(self, home: Home, programs: Iterable[Program] = ()) -> None:
        self.parts: dict[str, Part] = {}
        self._home = home
        for program in programs:
            self.add(program)

    def add(self, program: Program) -> Part:
        """Add a program, stopped."""
        part = self.parts[program.name] = Part(program, self._home)
        return part

    def part(self, name: str) -> Part:
        """Return the part. Raises `StackError` that lists the names."""
        if name not in self.parts:
            raise StackError(f"There is no part {name}; there are {', '.join(self.parts)}.")
        return self.parts[name]

    async def start(self, names: Iterable[str], seconds: float | None = None) -> None:
        """Start these together and wait until all are ready, each within its limit. Raises `StartError`."""
        parts = [self.part(name) for name in names]
        for part in parts:
            part.start()
        await asyncio.gather(*(part.until_ready(seconds or part.program.start_seconds) for part in parts))

    async def stop(self) -> None:
        """Stop the roles, then the servers that they need."""
        for servers in (False, True):
            await asyncio.gather(*(p.stop() for p in self.parts.values() if p.is_server == servers))

    def report(self) -> dict[str, dict[str, Any]]:
        """Return what `status` shows of each part."""
        return {
            name: {
                "pid": part.pid,
                "state": part.state,
                "restarts": part.restarts,
                "trouble": part.trouble,
                "note": part.program.note if part.state == "ready" else None,
            }
            for name, part in self.parts.items()
        }
