from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from bus.runtime import tasks


async def test_end_cancels_again_a_task_that_swallowed_its_cancellation() -> None:
    lost = asyncio.Event()

    async def deaf() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.set()
        await asyncio.Event().wait()

    task = asyncio.ensure_future(deaf())
    await asyncio.sleep(0)
    await tasks.end([task], again_s=0.01)
    assert lost.is_set()
    assert task.cancelled()


async def test_check_cancelled_raises_after_a_swallowed_cancellation() -> None:
    async def deaf() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        tasks.check_cancelled()

    task = asyncio.ensure_future(deaf())
    await asyncio.sleep(0)
    tasks.check_cancelled()  # this task has not been cancelled
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_first_of_raises_the_first_error_and_ends_the_others() -> None:
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fails() -> None:
        raise ValueError("first")

    with pytest.raises(ValueError, match="first"):
        await tasks.first_of(endless(), fails())
    assert ended.is_set()


async def test_a_daemon_thread_returns_or_raises() -> None:
    assert await tasks.on_daemon_thread(lambda: threading.current_thread().daemon) is True

    def fails() -> None:
        raise ValueError("there")

    with pytest.raises(ValueError, match="there"):
        await tasks.on_daemon_thread(fails)


async def test_a_daemon_thread_whose_caller_is_cancelled_runs_on_unheard() -> None:
    go, ended = threading.Event(), threading.Event()

    def waits() -> None:
        go.wait(30)
        ended.set()

    caller = asyncio.ensure_future(tasks.on_daemon_thread(waits))
    await asyncio.sleep(0)
    await tasks.end([caller])
    go.set()
    assert await asyncio.to_thread(ended.wait, 30)


async def test_work_is_outlasted_however_often_its_waiter_is_cancelled() -> None:
    done, go = [], asyncio.Event()

    async def work() -> None:
        await go.wait()
        done.append(1)

    async def waiter() -> None:
        await tasks.outlast(asyncio.ensure_future(work()), within_s=60)
        tasks.check_cancelled()

    waiting = asyncio.ensure_future(waiter())
    for _ in range(3):
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    go.set()
    await asyncio.wait([waiting])
    assert (done, waiting.cancelled()) == ([1], True)


async def test_work_that_takes_too_long_is_cancelled() -> None:
    work = asyncio.ensure_future(asyncio.Event().wait())
    await tasks.outlast(work, within_s=0.01)
    assert work.cancelled()
