from __future__ import annotations

import asyncio
from random import Random

import pytest

from bus.runtime.backoff import Backoff


def waits(backoff: Backoff, count: int) -> list[float]:
    return [backoff.next_s() for _ in range(count)]


def test_the_bound_grows_up_to_the_maximum() -> None:
    assert waits(Backoff(0.2, 2.0, spread=lambda: 0.0), 6) == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    assert waits(Backoff(1, 4, factor=1.5, spread=lambda: 0.0), 5) == [1, 1.5, 2.25, 3.375, 4]
    assert waits(Backoff(9, 3, spread=lambda: 0.0), 2) == [3, 3]


def test_jitter_draws_from_its_share_of_the_bound() -> None:
    assert waits(Backoff(1, 8, spread=lambda: 0.5), 4) == [0.5, 1, 2, 4]
    assert waits(Backoff(1, 8, jitter=0.5, spread=lambda: 0.5), 4) == [0.75, 1.5, 3, 6]
    assert waits(Backoff(1, 8, jitter=0, spread=lambda: 0.9), 4) == [1, 2, 4, 8]
    drawn = waits(Backoff(1, 1, spread=Random(1).random), 1000)
    assert 0 <= min(drawn) < 0.05
    assert 0.95 < max(drawn) <= 1
    assert len(set(drawn)) > 500


def test_waits_differ_between_processes() -> None:
    assert waits(Backoff(spread=Random(1).random), 6) != waits(Backoff(spread=Random(2).random), 6)


def test_wait_s_equals_the_next_wait() -> None:
    backoff = Backoff(spread=Random(3).random)
    for _ in range(5):
        shown = backoff.wait_s
        assert backoff.wait_s == shown == backoff.next_s()


def test_reset_returns_to_the_first_wait() -> None:
    backoff = Backoff(1, 8, spread=lambda: 0.0)
    waits(backoff, 3)
    backoff.reset()
    assert waits(backoff, 2) == [1, 2]


async def test_sleep_advances_to_the_next_wait() -> None:
    backoff = Backoff(0.001, 0.002, spread=lambda: 0.0)
    await backoff.sleep()
    assert backoff.wait_s == 0.002
    await backoff.sleep(asyncio.Event())
    assert backoff.next_s() == 0.002


async def test_a_stop_ends_the_wait() -> None:
    stop = asyncio.Event()
    backoff = Backoff(3600, 3600, spread=lambda: 0.0)
    waiting = asyncio.ensure_future(backoff.sleep(stop))
    await asyncio.sleep(0)
    assert not waiting.done()
    stop.set()
    await waiting


async def test_a_cancellation_ends_the_wait() -> None:
    waiting = asyncio.ensure_future(Backoff(3600, 3600, spread=lambda: 0.0).sleep(asyncio.Event()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
