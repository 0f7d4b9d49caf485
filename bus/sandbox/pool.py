"""A pool of confined workers: sends a task and its bytes, waits for the value until a deadline.

A worker that dies, hangs or runs out of memory costs its own call alone. Workers are reused, because one
takes 0.3 s to start. Nothing here is bound to one event loop.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
import structlog
from prometheus_client import Counter, Gauge, Histogram

from bus.runtime.errors import SharpstreamError, TransientError
from bus.runtime.turns import Turns
from bus.sandbox import wire
from bus.sandbox.confinement import Confinement
from bus.sandbox.worker_process import WorkerProcess

T = TypeVar("T")
log = structlog.stdlib.get_logger(__name__)

DEADLINE_S: Final = 15.0
START_S: Final = 60.0
"""A start takes 0.3 s; on a machine that is busy with other starts, much longer."""
ALARM_AFTER_S: Final = 5
INLINE_BYTES: Final = 1024 * 1024
"""More than this is copied by a thread: 50 MB would stop the event loop for 20 ms."""


LOST = Counter(
    "sharpstream_worker_lost", "Workers that died, exceeded their time or memory, or did not start", ["why"]
)
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
    """``data``: the bytes that the task made, mapped from shared memory."""

    value: T
    data: memoryview


class SharedBytes:
    """Bytes in a memory file, for one or more calls. Made by `shared`."""

    def __init__(self, data: bytes) -> None:
        self.size = len(data)
        self.descriptor = wire.memory_file_of(data)

    def close(self) -> None:
        """Close it; a call that still runs has its own descriptor."""
        os.close(self.descriptor)


@asynccontextmanager
async def shared(data: bytes) -> AsyncIterator[SharedBytes]:
    """Share ``data`` for the body."""
    small = len(data) <= INLINE_BYTES
    made = SharedBytes(data) if small else await asyncio.to_thread(SharedBytes, data)
    try:
        yield made
    finally:
        made.close()


class Pool:
    """Workers of the module ``tasks``: ``each`` of them for one account at once, twice that in all.

    ``deadline_s`` is for one task, without its wait for a worker. Use it by `opened`.
    """

    def __init__(self, tasks: str, kept: Confinement, *, each: int, deadline_s: float = DEADLINE_S) -> None:
        self._start = wire.Start(tasks=tasks, confinement=kept)
        self._each, self._deadline_s = each, deadline_s
        # Twice: a photo that takes its worker to the deadline leaves one for others.
        self._turns = Turns(2 * each, each)
        self._idle: list[WorkerProcess] = []
        self._all: set[WorkerProcess] = set()
        self._work: set[asyncio.Task[Any]] = set()
        self._closed = False

    @property
    def pids(self) -> list[int]:
        """The processes, for tests."""
        return [worker.pid for worker in self._all]

    async def warm(self) -> None:
        """Start the workers of one account's share now. Raises `WorkerDiedError`."""
        await asyncio.gather(*(self._idle_worker() for _ in range(self._each - len(self._idle))))

    async def close(self) -> None:
        """End all workers; running calls fail with `WorkerDiedError`."""
        self._closed = True
        workers, self._all = self._all, set()
        self._idle.clear()
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
            if output_bytes:
                files.append(wire.memory_file(output_bytes))
            with WAITING.track_inprogress():
                await self._turns.take(account)
        except BaseException:
            _close(files)
            raise
        work = asyncio.ensure_future(self._done(call, files, returns, early))
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
        self, call: wire.Call, files: Sequence[int], returns: type[T], early: Callable[[T], None]
    ) -> Result[T]:
        def announced(reply: wire.Reply) -> None:
            early(msgspec.msgpack.decode(reply.value, type=returns))

        worker = self._idle.pop() if self._idle else await self._started()
        try:
            with SECONDS.labels(call.task).time():
                async with asyncio.timeout(self._deadline_s):
                    reply = await worker.ask(call, files, announced)
            result = _result(reply, files, returns)
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
        self._give_back(worker)
        return result

    async def _idle_worker(self) -> None:
        self._give_back(await self._started())

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
        if self._closed or worker.calls_left <= 0:
            self._work.add(work := asyncio.ensure_future(self._end(worker)))
            work.add_done_callback(self._work.discard)
        else:
            self._idle.append(worker)

    async def _drop(self, worker: WorkerProcess, why: str) -> None:
        if self._closed and worker not in self._all:
            return
        LOST.labels(why).inc()
        log.warning("worker_lost", why=why, status=await self._end(worker))

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


def _result(reply: wire.Reply, files: Sequence[int], returns: type[T]) -> Result[T]:
    """Return the value. Raises what the reply says."""
    match reply.kind:
        case "done":
            value = msgspec.msgpack.decode(reply.value, type=returns)
            size = reply.output_bytes
            return Result(value, wire.mapped(files[-1], size, writable=False) if size else memoryview(b""))
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
