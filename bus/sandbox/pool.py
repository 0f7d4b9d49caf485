"""A pool of confined workers: sends a task and its bytes, waits for the value until a deadline.

A worker that dies, hangs or runs out of memory costs its own call alone. Workers are reused, because one
takes 0.3 s to start. A task that takes long goes on at a lower priority, which its worker cannot regain: such
workers take the next task of the same account. Nothing here is bound to one event loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
import structlog
from prometheus_client import Counter, Gauge, Histogram

from bus.runtime.errors import SharpstreamError, TransientError
from bus.runtime.turns import Turns
from bus.sandbox import wire
from bus.sandbox.confinement import Confinement
from bus.sandbox.shared_bytes import SharedBytes
from bus.sandbox.worker_process import WorkerProcess

T = TypeVar("T")
log = structlog.stdlib.get_logger(__name__)

DEADLINE_S: Final = 15.0
START_S: Final = 60.0
"""A start takes 0.3 s; on a machine that is busy with other starts, much longer."""
ALARM_AFTER_S: Final = 5
OTHERS_AFTER_S: Final = 5.0
"""A start has enough to do."""
LONG_S: Final = 0.3
"""A task that takes longer goes on with `LONG_NICE`; a photo of 12 megapixels takes 0.015 s."""
MOST_SLOW: Final = 10_000
"""Accounts that are remembered."""
LONG_NICE: Final = 10
"""Added to its niceness: a tenth of the processor time of one that waits for it too."""


LOST = Counter(
    "sharpstream_worker_lost", "Workers that died, exceeded their time or memory, or did not start", ["why"]
)
for _why in ("deadline", "died", "memory", "confused", "start"):
    LOST.labels(_why)  # Prometheus sees no rise in a counter that appears with its first value
SECONDS = Histogram(
    "sharpstream_worker_seconds",
    "A task's time in a worker, without its wait for one",
    ["task"],
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 15),
)
WAITING = Gauge("sharpstream_worker_waiting", "Tasks that wait for a worker")
LACKING = Gauge("sharpstream_sandbox_lacking", "1 where the kernel has no such protection", ["feature"])
_lacking_noted: set[str] = set()


class WorkerDiedError(TransientError):
    """The worker died at this task: its libraries crashed, or the machine ran out of memory."""

    code = "worker_died"


class DeadlineError(TransientError):
    """The task exceeded its time, and its worker was ended."""

    code = "worker_deadline"


class MemoryLimitError(TransientError):
    """The task needed more memory than a worker may have."""

    code = "worker_memory"


class TaskRaisedError(TransientError):
    """The task raised an unexpected error."""

    code = "worker_failed"


class TaskFailedError(SharpstreamError):
    """The task ended with an error of its own; ``code``, ``message`` and ``details`` are the worker's."""


class Result(NamedTuple, Generic[T]):
    """``data``: the bytes that the task made, read-only."""

    value: T
    data: memoryview


class Pool:
    """Workers of the module ``tasks``: ``each`` of them for one account at once, twice that in all.

    ``ready``: so many workers of full priority are kept started, ``each`` unless it says; with more of them
    an account that takes its share leaves some to others at once. ``deadline_s`` is for one task, without its
    wait for a worker. Use it by `opened`.
    """

    def __init__(
        self,
        tasks: str,
        kept: Confinement,
        *,
        each: int,
        ready: int | None = None,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._start = wire.Start(tasks=tasks, confinement=kept)
        self._each, self._ready, self._deadline_s = each, ready or each, deadline_s
        # Twice: a photo that takes its worker to the deadline leaves one for others.
        self._turns = Turns(2 * each, each)
        self._idle: list[WorkerProcess] = []
        self._lowered: list[WorkerProcess] = []
        """Idle workers of a lower priority."""
        self._slow: set[Hashable] = set()
        """Accounts whose last task took long."""
        self._all: set[WorkerProcess] = set()
        self._work: set[asyncio.Task[Any]] = set()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """The processes, for tests."""
        return [worker.pid for worker in self._all]

    async def warm(self) -> None:
        """Start the workers of one account's share now, the others soon. Raises `WorkerDiedError`."""
        await asyncio.gather(*(self._idle_worker() for _ in range(self._each - len(self._idle))))
        asyncio.get_running_loop().call_later(OTHERS_AFTER_S, self._keep_ready)

    async def close(self) -> None:
        """End all workers; running calls fail with `WorkerDiedError`."""
        self._closed = True
        workers, self._all = self._all, set()
        self._idle.clear()
        self._lowered.clear()
        await asyncio.gather(*(asyncio.to_thread(worker.kill) for worker in workers))
        if self._work:
            await asyncio.wait(self._work)
        for worker in workers:
            worker.close()

    def kill(self) -> None:
        """End all workers without an event loop; nothing may run in the pool."""
        for worker in self._all:
            worker.kill()
            worker.close()
        self._all.clear()
        self._idle.clear()
        self._lowered.clear()

    async def call(
        self,
        task: str,
        account: Hashable,
        inputs: Sequence[SharedBytes],
        *arguments: Any,
        returns: type[T],
        output_bytes: int = 0,
        early: Callable[[T], None] = lambda _: None,
    ) -> Result[T]:
        """Run ``task(*inputs, *arguments)`` in a worker for ``account``, with up to ``output_bytes`` back.

        ``early`` is called with each value of type ``returns`` that the task announces before its end.

        Raises `TaskFailedError`, the task's own error; `DeadlineError`, `MemoryLimitError`,
        `WorkerDiedError` or `TaskRaisedError`. Cancelled, the worker finishes unheard.
        """
        files = [os.dup(each.descriptor) for each in inputs]
        call = wire.Call(
            task=task,
            arguments=list(arguments),
            sizes=[each.size for each in inputs],
            output_bytes=output_bytes,
            alarm_s=int(self._deadline_s) + ALARM_AFTER_S,
        )
        try:
            with WAITING.track_inprogress():
                await self._turns.take(account)
        except BaseException:
            _close(files)
            raise
        work = asyncio.ensure_future(self._done(call, account, files, returns, early))
        self._work.add(work)

        def ended(work: asyncio.Task[Result[T]]) -> None:
            _close(files)
            self._turns.give_back(account)
            self._work.discard(work)
            if not work.cancelled():
                work.exception()  # retrieved: the caller may be gone

        work.add_done_callback(ended)
        return await asyncio.shield(work)

    async def _done(
        self,
        call: wire.Call,
        account: Hashable,
        files: Sequence[int],
        returns: type[T],
        early: Callable[[T], None],
    ) -> Result[T]:
        def announced(reply: wire.Reply) -> None:
            early(msgspec.msgpack.decode(reply.value, type=returns))

        idle = self._lowered if account in self._slow and self._lowered else self._idle
        worker = idle.pop() if idle else await self._started()
        self._slow.discard(account)
        takes_long = asyncio.get_running_loop().call_later(LONG_S, self._takes_long, worker, account)
        try:
            with SECONDS.labels(call.task).time():
                output = [worker.output(call.output_bytes)] if call.output_bytes else []
                async with asyncio.timeout(self._deadline_s):
                    reply = await worker.ask(call, [*files, *output], announced)
            result = _result(reply, worker, returns)
        except TimeoutError as error:
            await self._drop(worker, "deadline")
            raise DeadlineError(f"It took longer than {self._deadline_s:g} s.") from error
        except EOFError as error:
            await self._drop(worker, "died")
            raise WorkerDiedError("The process that did it died.") from error
        except MemoryLimitError:
            await self._drop(worker, "memory")  # what is left may not suffice for the next task
            raise
        except (TaskFailedError, TaskRaisedError):
            self._give_back(worker)
            raise
        except BaseException:  # a reply that does not follow the contract
            await self._drop(worker, "confused")
            raise
        finally:
            takes_long.cancel()
        self._give_back(worker)
        return result

    def _takes_long(self, worker: WorkerProcess, account: Hashable) -> None:
        if len(self._slow) < MOST_SLOW:
            self._slow.add(account)
        if not worker.lowered and not self._closed:
            worker.lower_priority(LONG_NICE)
            self._keep_ready()

    def _keep_ready(self) -> None:
        """Start what is missing, before another account waits 0.3 s for it."""
        missing = self._ready - sum(not worker.lowered for worker in self._all)
        for _ in range(0 if self._closed else missing):
            self._in_background(self._replacement())

    async def _replacement(self) -> None:
        with suppress(WorkerDiedError):  # logged; the next call that finds none starts one
            await self._idle_worker()

    async def _idle_worker(self) -> None:
        self._give_back(await self._started())

    def _in_background(self, work: Coroutine[Any, Any, object]) -> None:
        self._work.add(task := asyncio.ensure_future(work))
        task.add_done_callback(self._work.discard)

    async def _started(self) -> WorkerProcess:
        """Start a worker and wait until it is confined. Raises `WorkerDiedError`."""
        if self._closed:
            raise WorkerDiedError("The workers are stopping.")
        worker = WorkerProcess(self._start)
        self._all.add(worker)
        try:
            async with asyncio.timeout(START_S):
                lacking = await worker.ready()
        except (EOFError, TimeoutError) as error:
            await self._drop(worker, "start")
            raise WorkerDiedError("A worker process does not start; its output has the reason.") from error
        except BaseException:
            await self._drop(worker, "start")
            raise
        note_lacking(lacking)
        return worker

    def _give_back(self, worker: WorkerProcess) -> None:
        worker.shrink()
        idle, most = (self._lowered, self._each) if worker.lowered else (self._idle, 2 * self._each)
        if self._closed or worker.calls_left <= 0 or len(idle) >= most:
            self._in_background(self._end(worker))
        else:
            idle.append(worker)

    async def _drop(self, worker: WorkerProcess, why: str) -> None:
        if self._closed and worker not in self._all:
            return
        LOST.labels(why).inc()
        log.warning("worker_lost", why=why, status=await self._end(worker))
        if self._ready > self._each and why != "start":  # one that does not start would be tried for ever
            self._keep_ready()

    async def _end(self, worker: WorkerProcess) -> int:
        self._all.discard(worker)
        status = await asyncio.to_thread(worker.kill)
        worker.close()
        return status


@asynccontextmanager
async def opened(pool: Pool, *, warm: bool = True) -> AsyncIterator[Pool]:
    """Yield the pool with one account's share of its workers started; end them after the body."""
    try:
        if warm:
            await pool.warm()
        yield pool
    finally:
        await pool.close()


def _result(reply: wire.Reply, worker: WorkerProcess, returns: type[T]) -> Result[T]:
    """Return the value. Raises what the reply says."""
    match reply.kind:
        case "done":
            value = msgspec.msgpack.decode(reply.value, type=returns)
            size = reply.output_bytes
            return Result(value, worker.take_output(size) if size else memoryview(b""))
        case "failed":
            failed = TaskFailedError(reply.message, code=reply.code)
            failed.details.update(reply.details)
            raise failed
        case "memory":
            raise MemoryLimitError("It needs more memory than a worker may have.")
        case _:
            raise TaskRaisedError(f"It raised {reply.message}.")


def note_lacking(features: Sequence[str]) -> None:
    """Warn once of each protection that is missing."""
    for feature in features:
        LACKING.labels(feature).set(1)
        if feature not in _lacking_noted:
            _lacking_noted.add(feature)
            log.warning("sandbox_lacking", feature=feature)


def _close(files: Sequence[int]) -> None:
    for each in files:
        os.close(each)
