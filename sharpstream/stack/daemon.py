"""The supervisor process: starts the system, answers the command line, and stops everything.

Started by `sharpstream up` as ``python -m sharpstream.stack.daemon`` and detached from the terminal.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import structlog

from bus.runtime import logs, process
from sharpstream.stack import control, orphan_processes
from sharpstream.stack.errors import StackError
from sharpstream.stack.lock import only_one
from sharpstream.stack.state_dir import Home, default_root
from sharpstream.stack.system import Progress, System

log = structlog.get_logger(__name__)


class Daemon:
    """One system, from its start to its stop."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._system = self._make(home, self._note)
        self._progress_lines: list[str] = []
        self._news = asyncio.Condition()
        self._failure: str | None = None
        self._leave = asyncio.Event()
        self._gone = asyncio.Event()

    def _make(self, home: Home, note: Progress) -> System:
        return System(home, note)

    async def run(self) -> int:
        """Serve until a signal or `down`; return the exit code."""
        async with process.stop_on_signal(self._leave.set), control.listen(self._home, self._answer):
            start = asyncio.create_task(self._bring_up())
            await self._leave.wait()
            start.cancel()
            await asyncio.gather(start, return_exceptions=True)
            await self._system.stop()
            self._gone.set()
            await self._notify()
            log.info("stack_stopped")
        return 1 if self._failure else 0

    async def _bring_up(self) -> None:
        try:
            await self._system.bring_up()
        except StackError as error:
            self._failure = error.message
        except Exception as error:  # a start that failed for whatever reason ends, and says so
            log.exception("start_crashed")
            self._failure = f"{type(error).__name__}: {error} (more in {self._home.log('supervisor')})"
        if self._failure:
            log.error("start_failed", reason=self._failure)
            self._home.failure.write_text(self._failure)
            self._leave.set()
        await self._notify()

    def _note(self, progress: str) -> None:
        self._progress_lines.append(progress)
        log.info("progress", text=progress)
        self._notifier = asyncio.ensure_future(self._notify())

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def _answer(self, request: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        match request:
            case {"do": "wait"}:
                async for reply in self._progress():
                    yield reply
            case {"do": "status"}:
                yield self._system.status()
            case {"do": "down"}:
                self._leave.set()
                await self._gone.wait()
                yield {"down": True}
            case {"do": "stop", "part": str(name)}:
                await self._system.supervisor.part(name).stop()
                yield {"stopped": name}
            case {"do": "start", "part": str(name)}:
                await self._system.supervisor.start([name])
                yield {"started": name}
            case _:
                raise StackError(f"The supervisor does not know how to do {request.get('do')!r}.")

    async def _progress(self) -> AsyncIterator[dict[str, Any]]:
        """Yield past and new progress lines, then the status once all is up. Raises `StackError`."""
        seen = 0
        while seen < len(self._progress_lines) or not self._finished:
            for line in self._progress_lines[seen:]:
                yield {"progress": line}
                seen += 1
            async with self._news:
                while seen == len(self._progress_lines) and not self._finished:
                    await self._news.wait()
        if self._failure:
            await self._gone.wait()
            raise StackError(self._failure)
        if self._leave.is_set():
            raise StackError("The stack was stopped before it was ready.")
        yield self._system.status()

    @property
    def _finished(self) -> bool:
        return self._system.up or self._leave.is_set()


def main() -> int:
    """Run the supervisor of the default home."""
    home = Home(default_root())
    home.create()
    logs.configure("supervisor")
    with only_one(home) as alone:
        if not alone:
            return 0  # another `up` has started one
        home.failure.unlink(missing_ok=True)
        orphan_processes.end(home)
        try:
            return run(Daemon(home))
        except StackError as error:  # the home's memory cannot be read
            home.failure.write_text(error.message)
            return 1


def run(daemon: Daemon) -> int:
    """Serve on a new event loop; return the exit code."""
    return asyncio.run(daemon.run())


if __name__ == "__main__":
    sys.exit(main())
