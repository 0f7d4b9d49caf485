"""Worker processes that are killed and frozen at random while others run. Killed workers are restarted."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from bus.runtime.settings import KafkaSettings
from sharpstream.stack.process import die_with_parent, signal_child

WORKERS = Path(__file__).parent / "workers"
SCALE = float(os.environ.get("SHARPSTREAM_KILL_SCALE", "1"))
"""Multiplies records, kills and freezes."""


def say(text: str) -> None:
    """Print figures and seeds, which pytest shows with -s and on failure."""
    sys.stdout.write(text + "\n")


def seeded() -> random.Random:
    """Return a random generator and print its seed; SHARPSTREAM_TEST_SEED repeats a run."""
    seed = int(os.environ.get("SHARPSTREAM_TEST_SEED") or random.SystemRandom().randrange(2**32))
    say(f"SHARPSTREAM_TEST_SEED={seed}")
    return random.Random(seed)


def kafka_environment(kafka: KafkaSettings) -> dict[str, str]:
    assert kafka.username
    assert kafka.password
    return {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "KAFKA_SECURITY_PROTOCOL": kafka.security_protocol,
        "KAFKA_SASL_MECHANISM": kafka.sasl_mechanism,
        "KAFKA_USERNAME": kafka.username,
        "KAFKA_PASSWORD": kafka.password.get_secret_value(),
    }


class Fleet:
    """``count`` processes of one script, each with its own WORKER number. An async context manager."""

    def __init__(self, script: str, count: int, environment: dict[str, str], log: Path) -> None:
        self._script, self._count, self._log = script, count, log
        self._environment = os.environ | {"PYTHONPATH": str(WORKERS.parents[2])} | environment
        self.processes: dict[int, asyncio.subprocess.Process] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._ending = False
        self.exits: Counter[int] = Counter()
        """How the workers ended: negative for a signal, 3 for fenced."""

    async def __aenter__(self) -> Self:
        for number in range(self._count):
            await self._start(number)
            self._tasks.append(asyncio.ensure_future(self._keep(number)))
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Stop the workers with SIGTERM. Raises for a worker that does not stop or ended unexpectedly."""
        self._ending = True
        for process in self.processes.values():
            signal_child(process, signal.SIGCONT)
            signal_child(process, signal.SIGTERM)
        _, late = await asyncio.wait(self._tasks, timeout=30)
        for process in self.processes.values():
            signal_child(process, signal.SIGKILL)
        await asyncio.wait(self._tasks)
        if exc[0] is not None or late:
            say(self._log.read_text()[-20_000:])
        assert not late, "a worker did not stop within 30 s"
        # 0 is a stop, 3 a fenced worker, negative a signal sent from here (SIGTERM only where it arrived
        # before Python had set its handler). 1 is an unexpected crash.
        planned = {0, 3, -signal.SIGKILL, -signal.SIGTERM}
        unplanned = {code: n for code, n in self.exits.items() if code not in planned}
        if unplanned and exc[0] is None:
            raise AssertionError(f"workers ended with {unplanned}:\n{self._log.read_text()[-20_000:]}")

    async def _start(self, number: int) -> None:
        with self._log.open("ab") as log:
            self.processes[number] = await asyncio.create_subprocess_exec(
                sys.executable,
                str(WORKERS / self._script),
                env=self._environment | {"WORKER": str(number)},
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )

    async def _keep(self, number: int) -> None:
        while True:
            self.exits[await self.processes[number].wait()] += 1
            if self._ending:
                return
            await self._start(number)

    def kill(self, number: int) -> None:
        signal_child(self.processes[number], signal.SIGKILL)

    async def freeze(self, number: int, seconds: float) -> None:
        """Send SIGSTOP, and SIGCONT after the given seconds."""
        process = self.processes[number]
        signal_child(process, signal.SIGSTOP)
        await asyncio.sleep(seconds)
        signal_child(process, signal.SIGCONT)


async def havoc(
    fleet: Fleet,
    dice: random.Random,
    *,
    kills: int,
    freezes: int,
    freeze_s: float,
    progress: Callable[[], Awaitable[int]],
    total: int,
    victim: Callable[[], Awaitable[int]] | None = None,
) -> None:
    """Kill and freeze at random, each fault after a further share of ``total`` is done."""
    faults = ["kill"] * kills + ["freeze"] * freezes
    dice.shuffle(faults)
    started = time.monotonic()
    frozen: list[asyncio.Task[None]] = []
    for turn, fault in enumerate(faults):
        # Spread over the first 85 % and uneven within a share.
        goal = int(total * 0.85 * (turn + dice.random()) / len(faults))
        while (done := await progress()) < goal:  # noqa: ASYNC110 - the state is another process's
            await asyncio.sleep(0.05)
        number = await victim() if victim else dice.choice(sorted(fleet.processes))
        say(f"{time.monotonic() - started:5.1f} s, {done} of {total}: {fault} {number}")
        if fault == "kill":
            fleet.kill(number)
        else:
            frozen.append(asyncio.ensure_future(fleet.freeze(number, freeze_s)))
            await asyncio.wait(frozen)  # one freeze at a time, so that a worker is left
    say(f"all blows dealt after {time.monotonic() - started:.1f} s; exits so far {dict(fleet.exits)}")
