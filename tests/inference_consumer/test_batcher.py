from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from bus.contract.messages import Priority
from inference_consumer.batcher import MAX_BULK_WAIT_S, Batcher, Waiting
from inference_consumer.errors import EngineStoppedError, GenerationStoppedError

BULK, PERSON = Priority.BULK, Priority.INTERACTIVE


class Clock:
    """A clock that advances only on request."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def go(self, seconds: float) -> None:
        self.now += seconds


class Queue(Batcher):
    """A batcher for 4 photos of 100 bytes, which take 0.4 s. It waits 50 ms at most, on its own clock."""

    def __init__(self, *, seconds: Callable[[int], float] = lambda _: 0.4, max_bytes: int = 1000) -> None:
        self.clock = Clock()
        self.most = 4
        super().__init__(
            limit=lambda: self.most,
            seconds=seconds,
            size=lambda item: item if isinstance(item, int) else 100,
            max_bytes=max_bytes,
            max_delay_s=0.05,
            clock=self.clock,
        )

    def add(self, item: Any, priority: Priority = Priority.INTERACTIVE, check: Any = lambda: None) -> Waiting:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        return self.put(item, priority=priority, check=check, began=lambda: None, future=future)

    def batch(self) -> list[Any]:
        return [each.item for each in self.take()]


async def test_an_empty_queue_is_never_due() -> None:
    queue = Queue()
    queue.coming[PERSON] = 3
    assert queue.wait_s() is None
    assert queue.batch() == []


async def test_a_lone_photo_never_waits() -> None:
    queue = Queue()
    queue.add("a")
    assert queue.wait_s() == 0
    assert queue.batch() == ["a"]
    assert queue.wait_s() is None


async def test_a_burst_fills_batches_in_order() -> None:
    queue = Queue()
    queue.coming[PERSON] = 5
    for item in "abcdefghij":
        queue.add(item)
    assert queue.wait_s() == 0
    assert [queue.batch(), queue.batch()] == [list("abcd"), list("efgh")]
    assert queue.wait_s() == pytest.approx(0.05)
    queue.coming[PERSON] = 0
    assert queue.wait_s() == 0
    assert queue.batch() == ["i", "j"]


async def test_a_partial_batch_waits_until_the_first_photos_deadline() -> None:
    queue = Queue()
    queue.coming[PERSON] = 2
    queue.add("a")
    assert queue.wait_s() == pytest.approx(0.05)
    queue.clock.go(0.03)
    queue.add("b")
    assert queue.wait_s() == pytest.approx(0.02)
    queue.clock.go(0.02)
    assert queue.wait_s() == 0
    assert queue.batch() == ["a", "b"]


async def test_the_wait_is_at_most_a_quarter_of_the_batch_time() -> None:
    queue = Queue(seconds=lambda size: 0.02 * size)
    queue.coming[PERSON] = 9
    queue.add("a")
    assert queue.wait_s() == pytest.approx(0.005)
    queue.add("b")
    assert queue.wait_s() == pytest.approx(0.01)


async def test_without_a_measurement_no_photo_waits() -> None:
    queue = Queue(seconds=lambda _: 0.0)
    queue.coming[PERSON] = 9
    queue.add("a")
    assert queue.wait_s() == 0


async def test_a_lowered_limit_makes_smaller_batches() -> None:
    queue = Queue()
    for item in "abcde":
        queue.add(item)
    queue.most = 2
    queue.coming[PERSON] = 1
    assert queue.wait_s() == 0
    assert [queue.batch(), queue.batch(), queue.batch()] == [["a", "b"], ["c", "d"], ["e"]]


async def test_the_byte_limit_fills_a_batch() -> None:
    queue = Queue()
    queue.coming[PERSON] = 9
    for weight in (600, 300, 200):
        queue.add(weight)
    assert queue.wait_s() == 0
    assert queue.batch() == [600, 300]
    assert queue.wait_s() == pytest.approx(0.05)


async def test_a_photo_above_the_byte_limit_runs_alone() -> None:
    queue = Queue()
    queue.add(5000)
    queue.add(1)
    assert queue.batch() == [5000]
    assert queue.batch() == [1]


async def test_interactive_goes_before_bulk() -> None:
    queue = Queue()
    for item in "abc":
        queue.add(item, BULK)
    for item in "xy":
        queue.add(item)
    assert queue.batch() == ["x", "y"]  # not with bulk ones: a larger batch takes longer
    assert queue.batch() == ["a", "b", "c"]


async def test_interactive_waits_for_interactive_only_and_never_to_preempt() -> None:
    queue = Queue()
    queue.coming[BULK] = 5
    queue.add("a", BULK)
    assert queue.wait_s() == pytest.approx(0.05)
    assert queue.wait_s(preempting=True) is None
    queue.add("x")
    assert queue.wait_s() == 0
    queue.coming[PERSON] = 1
    assert queue.wait_s() == pytest.approx(0.05)
    assert queue.wait_s(preempting=True) == 0
    assert not queue.may_be_preempted(queue.take())
    bulk = queue.take()
    assert queue.may_be_preempted(bulk)
    queue.clock.go(MAX_BULK_WAIT_S)
    assert not queue.may_be_preempted(bulk)


async def test_bulk_beyond_its_maximum_wait_goes_before_interactive() -> None:
    queue = Queue()
    queue.most = 1
    queue.add("bulk", BULK)
    queue.clock.go(MAX_BULK_WAIT_S)
    queue.add("x")
    assert queue.batch() == ["bulk"]


async def test_cancelled_while_queued_is_dropped_with_the_reason() -> None:
    queue = Queue()
    cancelled = False

    def check() -> None:
        if cancelled:
            raise GenerationStoppedError("requested")

    doomed = queue.add("doomed", check=check)
    queue.add("other")
    cancelled = True
    queue.sweep()
    assert isinstance(doomed.future.exception(), GenerationStoppedError)
    assert queue.batch() == ["other"]


async def test_expired_between_the_decision_and_the_batch_is_dropped() -> None:
    queue = Queue()

    def check() -> None:
        if queue.clock.now > 100:
            raise GenerationStoppedError("expired")

    doomed = queue.add("doomed", check=check)
    assert queue.wait_s() == 0
    queue.clock.go(1)
    assert queue.batch() == []
    assert isinstance(doomed.future.exception(), GenerationStoppedError)


async def test_abandoned_calls_are_dropped() -> None:
    queue = Queue()
    queue.add("gone").future.cancel()
    assert queue.wait_s() is None


async def test_a_size_that_raises_fails_that_item_only() -> None:
    def size(item: Any) -> int:
        if item == "bad":
            raise ZeroDivisionError
        return 1

    queue = Queue()
    queue._size = size
    queue.add("a")
    with pytest.raises(ZeroDivisionError):
        queue.add("bad")
    queue.add("b")
    assert queue.batch() == ["a", "b"]


async def test_closing_fails_every_waiting_call() -> None:
    queue = Queue()
    waiting = queue.add("a")
    queue.close(EngineStoppedError("over"))
    assert isinstance(waiting.future.exception(), EngineStoppedError)
    assert queue.wait_s() is None
