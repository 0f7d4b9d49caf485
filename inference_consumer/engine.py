"""Loads, warms up and runs the model on its one thread. A photo's error does not affect its batch.

Accelerators and frameworks work best from one thread, and the event loop never blocks on them. The engine
must not decide which photos form a batch; the batcher does.

A batch may preempt the running one: it is run inside `models.YieldPoint`, between two of its steps.
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

from bus.runtime import tasks
from inference_consumer import metrics
from inference_consumer.errors import DeviceLostError, EngineStoppedError, OutOfMemoryError
from inference_consumer.models import Model, ModelInfo, Photo, Splat

log = structlog.stdlib.get_logger(__name__)

WARM_UP_SIDE: Final = 256
"""Pixels; models resize photos, so a small one is as good as a large one."""
Results: TypeAlias = "list[Splat | Exception]"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ran:
    """A batch's outcome: one result for each item, in order, and the seconds that it took."""

    results: Results
    seconds: float


class _CrowdedError(Exception):
    """A preempting batch does not fit into memory beside the one that it preempts."""


Work: TypeAlias = "tuple[Callable[[], Any], asyncio.Future[Any]]"


class Engine:
    """Makes the model and runs it. ``max_batch`` None uses the model's own; `limit` may fall below it."""

    def __init__(self, make: Callable[[], Model], *, max_batch: int | None = None) -> None:
        self._make, self._max_batch = make, max_batch
        self._model: Model | None = None
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._preempting: queue.SimpleQueue[Work] = queue.SimpleQueue()
        self._depth = 0  # running batches: 2 while one preempts another
        self._aside_s = 0.0  # seconds of preempting batches within the outer batch's time
        # A daemon, unlike an executor's thread: a batch of a minute must not delay the process's exit.
        self._thread = threading.Thread(target=self._serve, name="engine", daemon=True)
        self._stopped = False
        self._overflowed, self._worked = False, 1
        self.limit = 1
        """Photos that fit into one run, as far as known."""
        self._seconds: dict[int, float] = {}
        self.lost: asyncio.Event = asyncio.Event()
        """Set once the device has failed; the process must end."""

    async def start(self) -> ModelInfo:
        """Load and warm up. Any error ends the process, so that a broken worker takes no jobs."""
        self._thread.start()
        began = time.perf_counter()
        info: ModelInfo = await self._on_thread(self._load)
        seconds = round(time.perf_counter() - began, 3)
        log.info("engine_ready", model=info.name, device=info.device, batch=self.limit, seconds=seconds)
        return info

    async def stop(self, *, within_s: float) -> bool:
        """Stop after the running batch; return whether it ended in time."""
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

    @property
    def loaded(self) -> Model | None:
        """The model, or None before `start` has loaded it."""
        return self._model

    def seconds(self, size: int) -> float:
        """Return the seconds that a batch of that many photos took last; 0 if unknown."""
        return self._seconds.get(size, 0.0)

    async def run(self, items: Sequence[Any], *, preempt: bool = False) -> Ran:
        """Return each item's splat or error; never raises for errors of items or the model.

        ``preempt``: run between two steps of the running batch if both fit into memory, else after it.
        Raises `EngineStoppedError` during shutdown.
        """
        ran: Ran = await self._on_thread(lambda: self._timed(list(items)), preempt=preempt)
        if any(isinstance(result, DeviceLostError) for result in ran.results):
            self.lost.set()
        return ran

    # --- on the engine's thread -----------------------------------------------------------------------

    async def _on_thread(self, call: Callable[[], Any], *, preempt: bool = False) -> Any:
        if self._stopped:
            raise EngineStoppedError("The engine is shutting down; the job goes to another worker.")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if preempt:
            self._preempting.put((call, future))
            # Also queued normally, in case no batch is running or it has no yield points.
            self._work.put((self._pause, asyncio.get_running_loop().create_future()))
            return await future
        self._work.put((call, future))
        return await future

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            self._do(work)
            del work  # an idle engine holds no batch's memory

    def _do(self, work: Work) -> None:
        call, future = work
        try:
            outcome, failed = call(), None
        except _CrowdedError:
            self._work.put(work)  # it runs next, alone
            return
        except BaseException as error:  # noqa: BLE001 - passed to the caller
            outcome, failed = None, error
        tasks.resolve(future, outcome, failed)

    def _pause(self) -> None:
        """Run the preempting batches."""
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
        # Noise has detail everywhere. The largest batch runs first, so that memory is allocated once.
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
        """Run the items in parts of at most `limit`."""
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
        """Run all items at once; on failure run each half, down to the single failing item."""
        try:
            results = _one_each(self.model.run(items, self._pause), items)
        except DeviceLostError as error:
            return [error] * len(items)
        except Exception as error:  # noqa: BLE001 - probably one photo's error
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
