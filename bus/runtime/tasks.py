"""Cancels tasks reliably, and awaits threads.

A cancellation can be lost: `asyncio.wait_for` of Python 3.11 drops it where the awaited call ends at the same
time, and aiokafka awaits with it everywhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Collection, Coroutine
from typing import Any, Final

_AGAIN_S: Final = 5.0
"""Longer than a graceful end takes while Kafka is down, which a second cancellation would interrupt."""


def check_cancelled() -> None:
    """Raise `asyncio.CancelledError` where a cancellation of this task has been lost."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


async def end(
    tasks: Collection[asyncio.Task[Any]], *, within_s: float = float("inf"), again_s: float = _AGAIN_S
) -> None:
    """Cancel the tasks repeatedly until all have ended or the time is up; ignore their errors."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    left = {task for task in tasks if not task.done()}
    while left and loop.time() < deadline:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=min(again_s, within_s))
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # retrieved: asyncio does not warn about it


async def outlast(task: asyncio.Future[Any], *, within_s: float) -> None:
    """Wait until the task has ended, however often the caller is cancelled meanwhile; then cancel the task.

    For the work that must not be left half known. The caller raises its own cancellation again.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not task.done():
        left = deadline - loop.time()
        if left <= 0:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([task], timeout=left if left > 0 else _AGAIN_S)


async def first_of(*work: Coroutine[Any, Any, Any]) -> None:
    """Run concurrently until the first one ends, end the rest, and raise the first one's error."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await end(tasks)
    for task in done:
        task.result()


async def on_daemon_thread(call: Callable[[], Any]) -> Any:
    """Return what ``call`` returns or raises on a thread of its own.

    Unlike an executor's thread it never delays the end of the process; cancelled, it runs on unheard.
    """
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def run() -> None:
        try:
            outcome, failed = call(), None
        except BaseException as error:  # noqa: BLE001 - passed to the caller
            outcome, failed = None, error
        resolve(future, outcome, failed)

    threading.Thread(target=run, daemon=True).start()
    return await future


def resolve(future: asyncio.Future[Any], outcome: Any, failed: BaseException | None) -> None:
    """Set the future's result or error from any thread, unless it is cancelled or its loop has ended."""

    def complete() -> None:
        if future.done():  # cancelled
            return
        if failed is None:
            future.set_result(outcome)
        else:
            future.set_exception(failed)

    with contextlib.suppress(RuntimeError):  # the loop has ended
        future.get_loop().call_soon_threadsafe(complete)
