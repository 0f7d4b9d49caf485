from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from inference_consumer.engine import Engine
from inference_consumer.errors import DeviceLostError, EngineStoppedError, OutOfMemoryError
from tests.inference_consumer.models import INFO, Echo, FakeModel

Start = Callable[..., Awaitable[Engine]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start engines, and stop them at the end."""
    engines: list[Engine] = []

    async def start(model: FakeModel, **options: Any) -> Engine:
        engines.append(Engine(lambda: model, **options))
        await engines[-1].start()
        model.batches.clear()
        return engines[-1]

    yield start
    for engine in engines:
        assert await engine.stop(within_s=5)


def texts(results: list[Any]) -> list[Any]:
    return [each.item if isinstance(each, Echo) else type(each).__name__ for each in results]


def fails_on(*bad: Any, error: type[Exception] = ValueError) -> Callable[[list[Any]], list[Any]]:
    def answer(items: list[Any]) -> list[Any]:
        if set(items) & set(bad):
            raise error("poison")
        return [Echo(item) for item in items]

    return answer


def fits(most: int) -> Callable[[list[Any]], list[Any]]:
    def answer(items: list[Any]) -> list[Any]:
        if len(items) > most:
            raise MemoryError
        return [Echo(item) for item in items]

    return answer


async def test_warm_up_runs_every_batch_size() -> None:
    model = FakeModel()
    engine = Engine(lambda: model, max_batch=3)
    assert (await engine.start()).name == "fake"
    assert [len(batch) for batch in model.batches] == [3, 2, 1]
    assert all(engine.seconds(size) > 0 for size in (1, 2, 3))
    await engine.stop(within_s=5)


async def test_the_models_own_batch_size_is_the_default(start: Start) -> None:
    assert (await start(FakeModel())).limit == 8


async def test_a_warm_up_that_does_not_fit_shrinks_the_batch(start: Start) -> None:
    engine = await start(FakeModel(answer=fits(5)))
    assert engine.limit == 4


async def test_a_model_that_needs_no_warm_up_is_not_warmed_up() -> None:
    model = FakeModel(info=replace(INFO, warm_up=False))
    engine = Engine(lambda: model)
    await engine.start()
    assert (model.batches, engine.limit) == ([], 8)
    await engine.stop(within_s=5)


@pytest.mark.parametrize(
    "answer", [fails_on((256, 256)), lambda items: [ValueError("each")] * len(items), lambda _: []]
)
async def test_a_failed_warm_up_is_raised(answer: Any) -> None:
    engine = Engine(lambda: FakeModel(answer=answer))
    with pytest.raises((ValueError, RuntimeError)):
        await engine.start()
    assert await engine.stop(within_s=5)


async def test_every_batch_runs_on_one_thread_of_the_engine(start: Start) -> None:
    model = FakeModel()
    engine = await start(model)
    await asyncio.gather(*(engine.run([number]) for number in range(5)))
    assert len(model.threads) == 1
    assert threading.get_ident() not in model.threads


async def test_results_keep_their_order_and_each_items_own_error(start: Start) -> None:
    def answer(items: list[Any]) -> list[Any]:
        return [ArithmeticError() if item == "b" else Echo(item) for item in items]

    engine = await start(FakeModel(answer=answer))
    ran = await engine.run(["a", "b", "c"])
    assert texts(ran.results) == ["a", "ArithmeticError", "c"]
    assert ran.seconds > 0


async def test_a_poison_photo_in_a_batch_of_eight_fails_alone(start: Start) -> None:
    model = FakeModel(answer=fails_on(5))
    engine = await start(model)
    ran = await engine.run(list(range(8)))
    assert texts(ran.results) == [0, 1, 2, 3, 4, "ValueError", 6, 7]
    assert engine.limit == 8  # the photo failed, not the size
    assert [len(batch) for batch in model.batches] == [8, 4, 4, 2, 1, 1, 2]


async def test_a_wrong_result_count_fails_no_other_batch(start: Start) -> None:
    engine = await start(
        FakeModel(
            answer=lambda items: [Echo(i) for i in items[:1]] if "x" in items else [Echo(i) for i in items]
        )
    )
    assert texts((await engine.run(["a", "x"])).results) == ["a", "x"]


async def test_out_of_memory_halves_the_batch_and_remembers_what_fits(start: Start) -> None:
    model = FakeModel()
    engine = await start(model)
    model.answer = fits(3)
    ran = await engine.run(list(range(8)))
    assert texts(ran.results) == list(range(8))
    assert engine.limit == 2
    model.batches.clear()
    await engine.run(list(range(4)))
    assert [len(batch) for batch in model.batches] == [2, 2]


async def test_one_item_that_never_fits_halves_the_limit_only_once(start: Start) -> None:
    model = FakeModel()
    engine = await start(model)
    model.answer = fails_on(7, error=MemoryError)
    ran = await engine.run(list(range(8)))
    assert texts(ran.results) == [0, 1, 2, 3, 4, 5, 6, "OutOfMemoryError"]
    assert isinstance(ran.results[7], OutOfMemoryError)
    assert engine.limit == 4


async def test_a_lost_device_is_reported_and_not_retried(start: Start) -> None:
    model = FakeModel()
    engine = await start(model)

    def lost(_: list[Any]) -> list[Any]:
        raise DeviceLostError("gone")

    model.answer = lost
    ran = await engine.run(["a", "b"])
    assert texts(ran.results) == ["DeviceLostError"] * 2
    assert engine.lost.is_set()
    assert len(model.batches) == 1


async def test_a_stopped_engine_refuses_batches() -> None:
    engine = Engine(FakeModel)
    await engine.start()
    assert await engine.stop(within_s=5)
    with pytest.raises(EngineStoppedError):
        await engine.run(["a"])


async def test_stopping_does_not_wait_for_a_batch_that_takes_too_long() -> None:
    release, running = threading.Event(), threading.Event()

    def answer(items: list[Any]) -> list[Any]:
        if items == ["slow"]:
            running.set()
            assert release.wait(10)
        return [Echo(item) for item in items]

    engine = Engine(lambda: FakeModel(answer=answer, info=replace(INFO, max_batch=1)))
    await engine.start()
    batch = asyncio.ensure_future(engine.run(["slow"]))
    await asyncio.to_thread(running.wait, 10)
    assert not await engine.stop(within_s=0)
    release.set()
    assert texts((await batch).results) == ["slow"]


class Paused:
    """A model that pauses in each batch named "long". In the first pause another batch is requested."""

    def __init__(self, engine: Engine, model: FakeModel) -> None:
        self.engine, self.loop = engine, asyncio.get_running_loop()
        self.preempting: asyncio.Future[Any] = self.loop.create_future()
        model.between = self

    def __call__(self, items: list[Any], pause: Callable[[], None]) -> None:
        if items == ["long"]:
            asked = asyncio.run_coroutine_threadsafe(self._ask(), self.loop)
            asked.result(10)
            pause()

    async def _ask(self) -> None:
        ran = asyncio.ensure_future(self.engine.run(["person", "other"], preempt=True))
        await asyncio.sleep(0)  # the engine has the request
        ran.add_done_callback(lambda done: self.preempting.set_result(done.result()))


async def test_a_batch_preempts_between_two_steps_and_is_timed_separately(start: Start) -> None:
    ended: list[Any] = []

    def answer(items: list[Any]) -> list[Any]:
        if "person" in items:
            time.sleep(0.05)
        ended.append(items)
        return [Echo(item) for item in items]

    model = FakeModel(answer=answer)
    engine = await start(model)
    paused = Paused(engine, model)
    ended.clear()
    long = await engine.run(["long"])
    preempted_it = await paused.preempting
    assert (texts(long.results), texts(preempted_it.results)) == (["long"], ["person", "other"])
    assert ended == [["person", "other"], ["long"]]
    assert preempted_it.seconds >= 0.05 > long.seconds  # the preempting batch is not counted
    assert engine.seconds(1) == long.seconds


async def test_a_preempting_batch_that_does_not_fit_runs_after_the_other(start: Start) -> None:
    inside: list[str] = []

    def answer(items: list[Any]) -> list[Any]:
        if "person" in items and len(model.batches) == 2:  # the long batch still holds its memory
            inside.append("overflow")
            raise MemoryError
        return [Echo(item) for item in items]

    model = FakeModel(answer=answer)
    engine = await start(model)
    paused = Paused(engine, model)
    assert texts((await engine.run(["long"])).results) == ["long"]
    assert texts((await paused.preempting).results) == ["person", "other"]
    assert inside == ["overflow"]
    assert model.batches == [["long"], ["person", "other"], ["person", "other"]]
    assert engine.limit == 8


async def test_a_batch_that_comes_too_late_to_preempt_runs_next(start: Start) -> None:
    engine = await start(FakeModel())
    assert texts((await engine.run(["a"], preempt=True)).results) == ["a"]


async def test_poison_in_a_preempting_batch_fails_alone(start: Start) -> None:
    model = FakeModel(answer=fails_on("person"))
    engine = await start(model)
    paused = Paused(engine, model)
    assert texts((await engine.run(["long"])).results) == ["long"]
    assert texts((await paused.preempting).results) == ["ValueError", "other"]
