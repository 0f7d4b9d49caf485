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
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from bus.sandbox import landlock
from bus.sandbox.confinement import Confinement
from bus.sandbox.pool import (
    LONG_NICE,
    LOST,
    DeadlineError,
    MemoryLimitError,
    Pool,
    WorkerDiedError,
    opened,
)
from bus.sandbox.shared_bytes import shared
from bus.sandbox.worker_process import KEPT_BYTES

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


async def test_no_account_waits_for_a_start_while_another_takes_its_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bus.sandbox.pool.OTHERS_AFTER_S", 0.0)
    async with opened(Pool(TASKS, KEPT, each=1, ready=2, deadline_s=0.6)) as pool:

        async def started(count: int) -> set[int]:
            async with asyncio.timeout(30):
                while len(pool._idle) < count:  # noqa: ASYNC110  (other processes)
                    await asyncio.sleep(0.01)
            return set(pool.pids)

        for _ in range(3):  # lowered after 0.3 s, and ended at the deadline; each time replaced beforehand
            before = await started(2)
            endless = asyncio.ensure_future(ask(pool, "spin", account="hostile"))
            await asyncio.sleep(0)
            assert await ask(pool, "sleep", 0, account="honest") in before
            with pytest.raises(DeadlineError):
                await endless
        assert len(await started(2)) == 2


def session_niceness(pid: int) -> int | None:
    """Return what the kernel schedules the session of a process by (sched_autogroup).

    None without a group: in a container, the first session never began one, and its file is empty.
    """
    found = Path(f"/proc/{pid}/autogroup").read_text().split()
    return int(found[-1]) if found else None


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="the kernel schedules by process alone")
async def test_a_lowered_worker_gives_way_to_other_sessions_too() -> None:
    async with opened(Pool(TASKS, KEPT, each=1, deadline_s=600)) as pool:
        mine = session_niceness(os.getpid())
        (pid,) = pool.pids
        assert os.getsid(pid) == pid
        assert session_niceness(pid) == os.getpriority(os.PRIO_PROCESS, 0)
        spinning = asyncio.ensure_future(ask(pool, "spin"))
        async with asyncio.timeout(30):
            while session_niceness(pid) != LONG_NICE:  # noqa: ASYNC110  (a thread writes it)
                await asyncio.sleep(0.05)
        assert session_niceness(os.getpid()) == mine
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(WorkerDiedError):
            await spinning


def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import asyncio, os, signal\n"
        "from tests.bus.sandbox.test_confinement import KEPT, TASKS, Pool, ask, opened\n"
        "async def main():\n"
        "    async with opened(Pool(TASKS, KEPT, each=1, deadline_s=600)) as pool:\n"
        "        spinning = asyncio.ensure_future(ask(pool, 'spin'))\n"
        "        await asyncio.sleep(0.3)\n"
        "        print(*pool.pids, flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = list(map(int, done.stdout.split()))
    assert pids
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() and running(pid) for pid in pids):
        assert time.monotonic() < deadline, "a worker outlives its parent in the middle of a task"
        time.sleep(0.05)


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in {"Z", "X"}
    except OSError:
        return False


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


@pytest.mark.parametrize("shares", [True, False])
async def test_bytes_pass_both_ways(pool: Pool, shares: bool) -> None:
    data = os.urandom(3 << 20)
    async with shared(data) as photo:
        for _ in range(2):  # one file serves several calls
            made = await pool.call("reverse", "a", (photo,), shares, returns=int, output_bytes=4 << 20)
            assert made.value == len(data)
            assert made.data == data[::-1]
    assert made.data.readonly


@pytest.mark.parametrize("size", [KEPT_BYTES - 1, KEPT_BYTES + 1])
async def test_a_result_stays_what_it_was_while_its_worker_goes_on(pool: Pool, size: int) -> None:
    made = []
    for number in (1, 2, 3):
        async with shared(bytes([number]) * size) as photo:
            made.append(await pool.call("reverse", "a", (photo,), True, returns=int, output_bytes=16 << 20))
    assert len(pool.pids) == 1
    assert [set(bytes(each.data)) for each in made] == [{1}, {2}, {3}]
    assert {len(each.data) for each in made} == {size}


async def test_a_worker_that_waits_holds_little_memory_for_results(pool: Pool) -> None:
    (worker,) = pool._all
    for size, kept in ((KEPT_BYTES - 1, True), (KEPT_BYTES + 1, False), (100, True)):
        async with shared(bytes(size)) as photo:
            await pool.call("reverse", "a", (photo,), True, returns=int, output_bytes=16 << 20)
        assert (worker._output is not None) is kept


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


async def test_a_long_task_goes_on_at_a_lower_priority_and_so_does_its_account() -> None:
    """So that photos which take their whole time slow down no one else's."""
    lower = min(19, os.getpriority(os.PRIO_PROCESS, 0) + LONG_NICE)
    async with opened(Pool(TASKS, KEPT, each=1, deadline_s=600)) as pool:
        first = await ask(pool, "sleep", 0)
        slow = await ask(pool, "last", lower)
        assert slow == first, "a task of 0 s had left the worker as it was"
        while len(pool.pids) < 2:  # noqa: ASYNC110  (one is started in its place)
            await asyncio.sleep(0)
        assert await ask(pool, "sleep", 0, account="b") != slow
        assert await ask(pool, "sleep", 0) == slow, "once more, and then it is forgiven"
        assert await ask(pool, "sleep", 0) != slow
