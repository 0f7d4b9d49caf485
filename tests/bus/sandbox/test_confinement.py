"""What a confined worker cannot do, and what its death costs.

| class | members | source |
|---|---|---|
| files | read, write, delete, list, change of mode, a growing memory file | Landlock, seccomp, FSIZE |
| network | Postgres' port, UDP, Unix and packet sockets, a descriptor of others | Landlock, seccomp |
| processes | fork, thread, exec | RLIMIT_NPROC, seccomp (root is not bound by the limit) |
| the parent | environment, memory, trace, signals, limits, priority | no capabilities, Landlock, seccomp |
| kernel | io_uring, key rings, System V memory, the x32 table | seccomp |
| resources | 2 GB, an endless loop that ignores signals, a crash, an abort | RLIMIT_AS, the deadline |
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from bus.sandbox import landlock
from bus.sandbox.confinement import Confinement
from bus.sandbox.pool import (
    LOST,
    DeadlineError,
    MemoryLimitError,
    Pool,
    WorkerDiedError,
    opened,
    shared,
)

TASKS = "tests.bus.sandbox.hostile"
KEPT = Confinement(address_space_bytes=1 << 30)
NO_LANDLOCK = landlock.abi() == 0


@pytest.fixture(params=[False, True], ids=["one thread", "threads"])
async def strict(request: pytest.FixtureRequest) -> AsyncIterator[Pool]:
    kept = msgspec.structs.replace(KEPT, threads=request.param)
    async with opened(Pool(TASKS, kept, each=1)) as made:
        yield made


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    async with opened(Pool(TASKS, KEPT, each=1)) as made:
        yield made


async def ask(pool: Pool, task: str, *arguments: object, account: str = "a") -> object:
    return (await pool.call(task, account, (), *arguments, returns=object)).value


async def test_a_worker_reaches_nothing(strict: Pool, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    mine = tmp_path / "file"
    mine.write_text("mine")
    with socket.create_server(("127.0.0.1", 0)) as postgres:
        address = postgres.getsockname()
        attempts = [
            ("read a file", str(mine)), ("write a file", str(mine)), ("delete a file", str(mine)),
            ("read a file", "/etc/passwd"), ("write a file", str(tmp_path / "new")),
            ("change a file's mode", str(mine)), ("list a folder", str(tmp_path)),
            ("connect", *address), ("open a UDP socket",), ("open a Unix socket",),
            ("open a packet socket",), ("connect a descriptor",), ("fork",), ("start a thread",),
            ("run a program",), ("become a program",), ("read the parent's environment",),
            ("read the parent's memory",), ("trace the parent",), ("signal the parent",),
            ("signal a thread of the parent",), ("limit the parent",), ("slow the parent",),
            ("raise its own limit",), ("fill a memory file",), ("share memory",), ("use io_uring",),
            ("use a key ring",), ("use the x32 table",),
        ]  # fmt: skip
        outcomes = {" ".join(map(str, each)): await ask(strict, "attempt", *each) for each in attempts}
    allowed = ["start a thread"] if "threads" in request.node.name else []
    assert [each for each, outcome in outcomes.items() if outcome == "done"] == allowed
    assert mine.read_text() == "mine"


async def test_a_worker_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET_ACCESS_KEY", "hunter2")
    async with opened(Pool(TASKS, KEPT, each=1)) as pool:
        assert "hunter2" not in str(await ask(pool, "seen"))


async def test_memory_is_limited(pool: Pool) -> None:
    (first,) = pool.pids
    with pytest.raises(MemoryLimitError):
        await ask(pool, "allocate", 2 << 30)
    assert await ask(pool, "allocate", 1 << 20) == 1 << 20
    assert first not in pool.pids, "what the worker has left may not suffice"


async def test_a_task_ends_at_the_deadline_and_others_go_on() -> None:
    lost = LOST.labels("deadline")._value.get()
    async with opened(Pool(TASKS, KEPT, each=1, deadline_s=0.5)) as pool:
        endless = asyncio.ensure_future(ask(pool, "spin", account="hostile"))
        await asyncio.sleep(0)
        assert await ask(pool, "sleep", 0, account="honest")
        with pytest.raises(DeadlineError):
            await endless
    assert LOST.labels("deadline")._value.get() == lost + 1


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT])
async def test_a_crash_costs_one_call(pool: Pool, number: int) -> None:
    with pytest.raises(WorkerDiedError):
        await ask(pool, "die", number)
    assert await ask(pool, "sleep", 0)


async def test_a_killed_worker_is_replaced(pool: Pool) -> None:
    (first,) = pool.pids
    waiting = asyncio.ensure_future(ask(pool, "sleep", 60))
    await asyncio.sleep(0.05)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(WorkerDiedError):
        await waiting
    assert await ask(pool, "sleep", 0) != first


async def test_workers_are_reused(pool: Pool) -> None:
    assert [await ask(pool, "sleep", 0), await ask(pool, "sleep", 0)] == pool.pids * 2


@pytest.mark.parametrize("in_place", [True, False])
async def test_bytes_pass_both_ways(pool: Pool, in_place: bool) -> None:
    data = os.urandom(3 << 20)
    async with shared(data) as photo:
        for _ in range(2):  # one file serves several calls
            made = await pool.call("reverse", "a", (photo,), in_place, returns=int, output_bytes=4 << 20)
            assert made.value == len(data)
            assert made.data == data[::-1]
    assert made.data.readonly


async def test_a_reply_of_another_type_is_refused(pool: Pool) -> None:
    (first,) = pool.pids
    with pytest.raises(msgspec.ValidationError):
        await pool.call("lie", "a", (), returns=dict[str, int])
    assert first not in pool.pids


async def test_a_cancelled_call_returns_its_worker(pool: Pool) -> None:
    waiting = asyncio.ensure_future(ask(pool, "sleep", 0.2))
    await asyncio.sleep(0.05)
    waiting.cancel()
    assert [await ask(pool, "sleep", 0)] == pool.pids


async def test_the_end_of_the_pool_ends_every_process() -> None:
    async with opened(Pool(TASKS, KEPT, each=1)) as pool:
        (pid,) = pool.pids
        waiting = asyncio.ensure_future(ask(pool, "sleep", 60))
        await asyncio.sleep(0.05)
    with pytest.raises(WorkerDiedError):
        await waiting
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
