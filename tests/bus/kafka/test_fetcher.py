"""Stopping a consumer raises no cancellation but the caller's own; records gather after some have come."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka.consumer.fetcher import Fetcher

from bus.kafka.fetcher import GatheringFetcher, fixed


async def for_ever(ended: list[str], name: str) -> None:
    try:
        await asyncio.sleep(3600)  # as after a failed fetch
    finally:
        ended.append(name)


async def fetching(*pending: asyncio.Task[None]) -> GatheringFetcher:
    """Return a fetcher with these fetches in flight."""
    made: Any = GatheringFetcher.__new__(GatheringFetcher)
    made._fetch_task, made._fetch_waiters = asyncio.ensure_future(asyncio.sleep(3600)), set()
    made._pending_tasks = set(pending)
    await asyncio.sleep(0)
    return made  # type: ignore[no-any-return]


async def test_all_fetches_are_ended() -> None:
    ended: list[str] = []
    await (await fetching(*(asyncio.ensure_future(for_ever(ended, name)) for name in "abc"))).close()
    assert sorted(ended) == ["a", "b", "c"]


async def test_the_callers_own_cancellation_is_kept() -> None:
    async def slow() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            cleaning.set()
            await asyncio.sleep(3600)

    cleaning = asyncio.Event()
    stopping = asyncio.ensure_future((await fetching(asyncio.ensure_future(slow()))).close())
    await cleaning.wait()
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping


async def gathering(seconds: float, monkeypatch: pytest.MonkeyPatch, *, found: bool) -> asyncio.Future[Any]:
    """Let a fetch with or without records end; return its task, begun, with a reader's waiter."""

    async def fetch(*_: object) -> bool:
        return found

    monkeypatch.setattr(Fetcher, "_proc_fetch_request", fetch)
    made: Any = await fetching()
    made.gather_s, made._fetch_waiters = fixed(seconds), {asyncio.get_running_loop().create_future()}
    task = asyncio.ensure_future(made._proc_fetch_request(None, 1, None))
    (task.waiter,) = made._fetch_waiters  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_records_are_handed_over_at_once_and_the_next_fetch_waits(monkeypatch) -> None:
    task = await gathering(3600, monkeypatch, found=True)
    assert task.waiter.done()
    assert not task.done()
    task.cancel()  # as at a new assignment
    assert await task is False


@pytest.mark.parametrize(("seconds", "found"), [(0, True), (3600, False)])
async def test_without_records_or_time_to_gather_the_next_fetch_follows(monkeypatch, seconds, found) -> None:
    task = await gathering(seconds, monkeypatch, found=found)
    assert not task.waiter.done()
    assert await task is found
