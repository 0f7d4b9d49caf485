"""Runs and ends the process of a role: the same event loop and exit statuses for all roles."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, TypeVar

import structlog
import uvloop

from bus.runtime import kernel
from bus.runtime.errors import ConfigurationError, FencedError, SharpstreamError

T = TypeVar("T")
DONE: Final = 0
FAILED: Final = 1
"""Also of a fenced process: its supervisor starts a new one."""
MISCONFIGURED: Final = 2

log = structlog.stdlib.get_logger(__name__)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on uvloop's event loop; unwrap an error from exception groups of one."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(work)
    except ExceptionGroup as group:  # Litestar opens its lifespan inside a task group
        raise _innermost(group) from group


def exit_status(command: Callable[[], int]) -> int:
    """Run ``command`` and return the exit status of the process.

    0: done. 1: fenced, which is logged as ``fenced``, or ended by another `SharpstreamError`, which is logged
    as ``process_failed`` with its traceback. 2: a wrong setting, one sentence on stderr. Otherwise the
    command's own. Other errors propagate. The process cannot be inspected from here on (`hide`).
    """
    hide()
    try:
        return command()
    except ConfigurationError as error:
        sys.stderr.write(f"{error.message}\n")
        return MISCONFIGURED
    except FencedError as error:
        log.warning("fenced", error=error.message)
        return FAILED
    except SharpstreamError as error:
        log.exception("process_failed", code=error.code, error=error.message)
        return FAILED


@asynccontextmanager
async def stop_on_signal(stop: Callable[[], None]) -> AsyncIterator[None]:
    """Call ``stop`` at SIGTERM and SIGINT during the body."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def hide() -> None:
    """Hide memory and environment, which hold secrets, from other processes of the same user; no core dumps.

    Root, and a process with the right to trace any other, still see them.
    """
    with suppress(OSError, AttributeError):  # not Linux
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)


def _innermost(error: Exception) -> Exception:
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
