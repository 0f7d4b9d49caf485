"""The model on its one thread: load, warm up, ready, run. What goes wrong for one photo stays with it.

Accelerators like one thread, and so do frameworks; the event loop never waits for either. The engine
decides nothing about who is in a batch: that is the batcher's business.

A batch may overtake the one that runs: it is run inside `models.YieldPoint`, between two of its steps.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import structlog

from inference_consumer import metrics
from inference_consumer.errors import DeviceLostError, EngineStoppedError, OutOfMemoryError
from inference_consumer.models import Model, ModelInfo, Photo, Splat

log = structlog.stdlib.get_logger(__name__)

WARM_UP_SIDE: Final = 256
"""Pixels; models scale to a size of their own, so this is as good as a large one."""
Results: TypeAlias = "list[Splat | Exception]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """What became of a batch: one result an item in its order, and the seconds that the engine took."""

    results: Results
    seconds: float


class _CrowdedError(Exception):
    """An overtaking batch does not fit beside the one that it overtakes."""


Work: TypeAlias = "tuple[Callable[[], Any], asyncio.Future[Any]]"


class Engine:
    """Makes the model and runs it. ``max_batch`` None takes the model's own; `limit` may sink below it."""

    def __init__(self, make: Callable[[], Model], *, max_batch: int | None = None) -> None:
        self._make, self._max_batch = make, max_batch
        self._model: Model | None = None
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._preempting: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._depth = 0  # batches that run: 2 while one overtakes another
        self._aside_s = 0.0  # what overtaking took of the outer batch's time
        # A daemon, unlike an executor's: a batch that takes a minute must not hold up the end of the process.
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._stopped = False
        self._overflowed, self._worked = False, 1
        self.limit = 1
        """Photos that fit at once, as far as is known."""
        self._seconds: dict[int, float] = {}
        self.lost: asyncio.Event = asyncio.Event()
        """Set once the device answers no more: end the process."""

    async def start(self) -> ModelInfo:
        """Load and warm up. Whatever it raises ends the process: a worker that cannot work takes no jobs."""
        self._thread.start()
        began = time.perf_counter()
        info: ModelInfo = await self._on_thread(self._load)
        seconds = round(time.perf_counter() - began, 3)
        log.info("engine_ready", model=info.name, device=info.device, batch=self.limit, seconds=seconds)
        return info

    async def stop(self, *, within_s: float) -> bool:
        """Run nothing more; whether the running batch ended in time."""
        self._stopped = True
        self._work.put(None)
        if self._thread.ident is None:
            return True
        await asyncio.to_thread(self._thread.join, within_s)
        return not self._thread.is_alive()

    @property
    def model(self) -> Model:
        """The loaded model. Raises `EngineStoppedError` before `start`."""
        if self._model is None:
            raise EngineStoppedError("The engine has not been started.")
        return self._model

    def seconds(self, size: int) -> float:
        """Return how long a batch of that many photos took last; 0 where nobody knows."""
        return self._seconds.get(size, 0.0)

    async def run(self, items: Sequence[Any], *, preempt: bool = False) -> Ran:
        """Return each item's splat or error; never raises for what items or the model do.

        ``preempt``: between two steps of the batch that runs, where both fit into memory; else after it.
        Raises `EngineStoppedError` while the process ends.
        """
        ran: Ran = await self._on_thread(lambda: self._timed(list(items)), preempt=preempt)
        if any(isinstance(result, DeviceLostError) for result in ran.results):
            self.lost.set()
        return ran

    # --- the thread's side ----------------------------------------------------------------------------

    async def _on_thread(self, call: Callable[[], Any], *, preempt: bool = False) -> Any:
        if self._stopped:
            raise EngineStoppedError("The engine is shutting down; the job goes to another worker.")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if preempt:
            self._preempting.put((call, future))
            # And in case that nothing runs any more, or makes no pause.
            self._work.put((self._pause, asyncio.get_running_loop().create_future()))
            return await future
        self._work.put((call, future))
        return await future

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            self._do(work)
            del work  # a waiting engine holds no batch's memory

    def _do(self, work: Work) -> None:
        call, future = work
        try:
            outcome, failed = call(), None
        except _CrowdedError:
            self._work.put(work)  # it is next, and then alone
            return
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to whoever waits
            outcome, failed = None, error
        _answer(future, outcome, failed)

    def _pause(self) -> None:
        """Run what may overtake."""
        if self._depth > 1:
            return
        with contextlib.suppress(queue.Empty):
            while work := self._preempting.get_nowait():
                began = time.perf_counter()
                self._do(work)
                self._aside_s += time.perf_counter() - began
                metrics.PREEMPTIONS.inc(self._depth)

    def _load(self) -> ModelInfo:
        self._model = model = self._make()
        self.limit = self._max_batch or model.info.max_batch
        if model.info.warm_up:
            self._warm_up(model)
        return model.info

    def _warm_up(self, model: Model) -> None:
        # Noise has detail everywhere; the largest batch first, so that memory is claimed once.
        pixels = np.random.default_rng(0).integers(0, 256, (WARM_UP_SIDE, WARM_UP_SIDE, 3), np.uint8)
        for size in range(self.limit, 0, -1):
            if size > self.limit:  # did not fit
                continue
            items = [model.prepare(Photo(pixels=pixels, focal_px=float(WARM_UP_SIDE))) for _ in range(size)]
            for result in self._timed(items).results:
                if isinstance(result, Exception):
                    raise result

    def _timed(self, items: list[Any]) -> Ran:
        began, aside_s = time.perf_counter(), self._aside_s
        self._depth += 1
        try:
            results = self._run(items)
        finally:
            self._depth -= 1
        seconds = time.perf_counter() - began - (self._aside_s - aside_s)
        self._seconds[len(items)] = seconds
        return Ran(results=results, seconds=seconds)

    def _run(self, items: list[Any]) -> Results:
        """Run what fits at once, part by part."""
        results: Results = []
        while len(results) < len(items):
            part = items[len(results) : len(results) + self.limit]
            self._overflowed, self._worked = False, 1
            results += self._attempt(part)
            if self._overflowed:
                self.limit = self._worked
                log.warning("batch_limit_lowered", limit=self.limit, size=len(part))
        return results

    def _attempt(self, items: list[Any]) -> Results:
        """Run at once; where that fails half by half, down to the single item that it is due to."""
        try:
            results = _one_each(self.model.run(items, self._pause), items)
        except DeviceLostError as error:
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - a photo's fault, most likely; its neighbours go on
            overflow = isinstance(error, MemoryError)
            if overflow:
                metrics.OUT_OF_MEMORY.inc()
                if self._depth > 1:
                    raise _CrowdedError from None
            if len(items) == 1:
                return [_too_large() if overflow else error]
            self._overflowed |= overflow
            log.warning("batch_halved", size=len(items), error=repr(error))
        else:
            self._worked = max(self._worked, len(items))
            return results
        middle = (len(items) + 1) // 2
        return self._attempt(items[:middle]) + self._attempt(items[middle:])


def _one_each(results: Sequence[Splat | Exception], items: Sequence[Any]) -> Results:
    if len(results) != len(items):
        raise RuntimeError(f"The model returned {len(results)} results for {len(items)} photos.")
    return list(results)


def _too_large() -> OutOfMemoryError:
    return OutOfMemoryError("The photo does not fit into the accelerator's memory, even alone.")


def _answer(future: asyncio.Future[Any], outcome: Any, failed: BaseException | None) -> None:
    def complete() -> None:
        if future.done():  # nobody waits any more
            return
        if failed is None:
            future.set_result(outcome)
        else:
            future.set_exception(failed)

    with contextlib.suppress(RuntimeError):  # the loop has ended, and with it whoever asked
        future.get_loop().call_soon_threadsafe(complete)
