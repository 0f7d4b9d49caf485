"""Takes batches from the batcher, runs them on the engine and completes each photo.

It is the only caller of the engine. It runs one batch at a time while the next one gathers. Interactive
batches preempt a running bulk batch, so they wait for one of its steps and not for its end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from bus.contract.messages import Priority
from bus.runtime import tasks
from inference_consumer import metrics
from inference_consumer.batcher import Batcher, Waiting
from inference_consumer.engine import Engine
from inference_consumer.errors import EngineStoppedError
from inference_consumer.models import Splat

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """One photo's splat, with its seconds in the queue, its batch's seconds and its batch's photos."""

    splat: Splat
    waited_s: float
    seconds: float
    batch_size: int


class Inference:
    """Runs inference: `submit` photos while `run` runs."""

    def __init__(self, engine: Engine, batcher: Batcher) -> None:
        self._engine, self._batcher = engine, batcher
        self._wake = asyncio.Event()

    @contextlib.contextmanager
    def coming(self, priority: Priority) -> Any:
        """Announce a photo for the duration of the body, so that a batch may wait for it."""
        self._batcher.coming[priority] += 1
        try:
            yield
        finally:
            self._batcher.coming[priority] -= 1
            self._wake.set()

    async def submit(
        self, item: Any, *, priority: Priority, check: Callable[[], None], began: Callable[[], None]
    ) -> Served:
        """Return the item's splat. Raises its own error, what ``check`` raises, or `EngineStoppedError`."""
        future: asyncio.Future[Served] = asyncio.get_running_loop().create_future()
        self._batcher.put(item, priority=priority, check=check, began=began, future=future)
        self._wake.set()
        try:
            return await future
        finally:
            self._wake.set()  # on cancellation a batch need not wait for it

    def sweep(self) -> None:
        """Remove queued photos whose ``check`` raises."""
        self._batcher.sweep()

    async def run(self) -> None:
        """Serve until cancelled; queued photos then fail with `EngineStoppedError`."""
        bulk: asyncio.Task[None] | None = None
        try:
            while True:
                self._wake.clear()
                if bulk is not None and bulk.done():
                    await bulk
                    bulk = None
                wait_s = self._batcher.wait_s(preempting=bulk is not None)
                if wait_s == 0:
                    batch = self._batcher.take()
                    if bulk is None and self._batcher.may_be_preempted(batch):
                        bulk = asyncio.ensure_future(self._serve(batch))
                        bulk.add_done_callback(lambda _: self._wake.set())
                    else:
                        await self._serve(batch, preempt=bulk is not None)
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
        finally:
            await tasks.end([bulk] if bulk else [])
            self._batcher.close(EngineStoppedError("The engine is shutting down."))

    async def _serve(self, batch: list[Waiting], *, preempt: bool = False) -> None:
        waited = [self._batcher.waited_s(each) for each in batch]
        for each in batch:
            each.began()
        metrics.BATCH_SIZE.observe(len(batch))
        try:
            ran = await self._engine.run([each.item for each in batch], preempt=preempt)
        except BaseException as error:
            stopped = EngineStoppedError("The engine is shutting down.")
            for each in batch:
                _fail(each, error if isinstance(error, Exception) else stopped)
            if isinstance(error, Exception):
                log.warning("batch_not_run", size=len(batch), error=repr(error))
                return
            raise
        metrics.BATCH_LIMIT.set(self._engine.limit)
        for each, waited_s, result in zip(batch, waited, ran.results, strict=True):
            if isinstance(result, Exception):
                _fail(each, result)
            elif not each.future.done():
                each.future.set_result(
                    Served(splat=result, waited_s=waited_s, seconds=ran.seconds, batch_size=len(batch))
                )


def _fail(each: Waiting, error: Exception) -> None:
    if not each.future.done():
        each.future.set_exception(error)
