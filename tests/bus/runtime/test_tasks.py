from __future__ import annotations

import asyncio
import contextlib

import pytest

from bus.runtime import tasks


async def test_a_task_that_loses_its_cancellation_is_ended_all_the_same() -> None:
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


async def test_a_lost_cancellation_can_be_noticed() -> None:
    async def deaf() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        tasks.check_cancelled()

    task = asyncio.ensure_future(deaf())
    await asyncio.sleep(0)
    tasks.check_cancelled()  # nobody has cancelled this one
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_the_first_to_end_decides() -> None:
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
