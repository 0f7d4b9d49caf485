"""Stopping a consumer raises no cancellation but the caller's own."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bus.kafka.fetcher import ClosingFetcher


async def for_ever(ended: list[str], name: str) -> None:
    try:
        await asyncio.sleep(3600)  # as after a failed fetch
    finally:
        ended.append(name)


async def fetching(*pending: asyncio.Task[None]) -> ClosingFetcher:
    """Return a fetcher with these fetches in flight."""
    made: Any = ClosingFetcher.__new__(ClosingFetcher)
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
