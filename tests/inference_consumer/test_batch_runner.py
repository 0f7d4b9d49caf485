from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from bus.contract.messages import Priority
from bus.runtime.tasks import end
from inference_consumer.batch_runner import Inference, Served
from inference_consumer.batcher import Batcher
from inference_consumer.engine import Engine
from inference_consumer.errors import EngineStoppedError, GenerationStoppedError
from tests.inference_consumer.models import Echo, FakeModel


class Gate:
    """A model's `run` that waits until released, batch by batch; the warm-up passes."""

    def __init__(self) -> None:
        self.warm = False
        self.entered = threading.Semaphore(0)
        self.go = threading.Semaphore(0)

    def __call__(self, items: list[Any]) -> list[Any]:
        if self.warm:
            self.entered.release()
            assert self.go.acquire(timeout=10)
        return [Echo(item) for item in items]

    async def inside(self) -> None:
        """Return once a batch runs."""
        assert await asyncio.to_thread(self.entered.acquire, True, 10)


class Stage:
    """The middle stage with a gate in its engine."""

    def __init__(self) -> None:
        self.gate = Gate()
        self.model = FakeModel(answer=self.gate)
        self.engine = Engine(lambda: self.model)
        batcher = Batcher(
            limit=lambda: self.engine.limit,
            seconds=self.engine.seconds,
            size=self.model.item_bytes,
            max_bytes=1000,
            max_delay_s=10,
        )
        self.inference = Inference(self.engine, batcher)
        self.begun: list[Any] = []

    async def start(self) -> asyncio.Task[None]:
        await self.engine.start()
        self.model.batches.clear()
        self.gate.warm = True
        return asyncio.ensure_future(self.inference.run())

    def submit(
        self, item: Any, check: Any = lambda: None, priority: Priority = Priority.INTERACTIVE
    ) -> asyncio.Task[Served]:
        return asyncio.ensure_future(
            self.inference.submit(item, priority=priority, check=check, began=lambda: self.begun.append(item))
        )


@pytest.fixture
async def stage() -> Any:
    stage = Stage()
    serving = await stage.start()
    yield stage
    await end([serving])
    stage.gate.go.release(100)
    await stage.engine.stop(within_s=5)


async def test_the_next_batch_is_collected_while_one_runs(stage: Stage) -> None:
    first = stage.submit("a")
    await stage.gate.inside()
    rest = [stage.submit(item) for item in "bcd"]
    stage.gate.go.release(2)
    assert (await first).batch_size == 1
    served = await asyncio.gather(*rest)
    assert [each.splat.item for each in served] == ["b", "c", "d"]
    assert {each.batch_size for each in served} == {3}
    assert stage.model.batches == [["a"], ["b", "c", "d"]]
    assert stage.begun == ["a", "b", "c", "d"]
    assert all(each.waited_s >= 0 and each.seconds > 0 for each in served)


async def test_a_photo_waits_only_while_another_is_expected(stage: Stage) -> None:
    stage.engine._seconds[1] = 1000.0  # the batcher would wait 10 s, so only an event can end the wait
    with stage.inference.coming(Priority.INTERACTIVE):
        first = stage.submit("a")
        await asyncio.sleep(0)
        assert stage.model.batches == []
    await stage.gate.inside()
    stage.gate.go.release()
    assert (await first).batch_size == 1


async def test_an_interactive_job_preempts_the_running_bulk_batch(stage: Stage) -> None:
    steps: asyncio.Queue[None] = asyncio.Queue()
    loop, arrived = asyncio.get_running_loop(), threading.Event()

    def between(items: list[Any], pause: Any) -> None:
        if items == ["bulk"]:
            loop.call_soon_threadsafe(steps.put_nowait, None)
            assert arrived.wait(10)
            pause()

    stage.model.between = between
    bulk = stage.submit("bulk", priority=Priority.BULK)
    await steps.get()
    people = [stage.submit("person"), stage.submit("another")]
    more = stage.submit("more bulk", priority=Priority.BULK)
    while stage.engine._preempting.empty():  # noqa: ASYNC110 - the engine's own state
        await asyncio.sleep(0.001)
    arrived.set()
    stage.gate.go.release()
    served = await asyncio.gather(*people)
    assert [each.batch_size for each in served] == [2, 2]
    assert not bulk.done()
    stage.gate.go.release(2)
    await asyncio.gather(bulk, more)
    assert stage.model.batches == [["bulk"], ["person", "another"], ["more bulk"]]


async def test_shutdown_during_a_preempting_batch_fails_every_call() -> None:
    stage = Stage()
    serving = await stage.start()
    bulk = stage.submit("bulk", priority=Priority.BULK)
    await stage.gate.inside()
    person = stage.submit("person")
    while stage.engine._preempting.empty():  # noqa: ASYNC110 - the engine's own state
        await asyncio.sleep(0.001)
    await end([serving])
    for each in (bulk, person):
        with pytest.raises(EngineStoppedError):
            await each
    stage.gate.go.release(5)
    assert await stage.engine.stop(within_s=5)


async def test_cancelled_while_queued_is_published_at_once_and_never_runs(stage: Stage) -> None:
    cancelled = False

    def check() -> None:
        if cancelled:
            raise GenerationStoppedError("requested")

    running = stage.submit("a")
    await stage.gate.inside()
    doomed = stage.submit("doomed", check)
    await asyncio.sleep(0)
    cancelled = True
    stage.inference.sweep()
    with pytest.raises(GenerationStoppedError):
        await doomed  # the engine still runs the first one
    stage.gate.go.release()
    await running
    assert stage.model.batches == [["a"]]


async def test_a_cancelled_call_removes_its_photo_from_the_queue(stage: Stage) -> None:
    running = stage.submit("a")
    await stage.gate.inside()
    gone = stage.submit("gone")
    await asyncio.sleep(0)
    gone.cancel()
    stage.gate.go.release()
    await running
    after = stage.submit("b")
    stage.gate.go.release()
    await after
    assert stage.model.batches == [["a"], ["b"]]


async def test_an_error_of_the_size_function_reaches_its_caller_only(stage: Stage) -> None:
    def weigh(item: Any) -> int:
        if item == "bad":
            raise OverflowError
        return 1

    stage.inference._batcher._size = weigh
    with pytest.raises(OverflowError):
        await stage.submit("bad")
    stage.gate.go.release()
    assert (await stage.submit("good")).splat.item == "good"


async def test_shutdown_during_a_batch_fails_every_call() -> None:
    stage = Stage()
    serving = await stage.start()
    running = stage.submit("a")
    await stage.gate.inside()
    queued = stage.submit("b")
    await asyncio.sleep(0)
    await end([serving])
    for each in (running, queued):
        with pytest.raises(EngineStoppedError):
            await each
    stage.gate.go.release(5)
    assert await stage.engine.stop(within_s=5)
