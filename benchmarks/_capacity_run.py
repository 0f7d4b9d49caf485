"""The real system with several inference workers and the timed null model, to compare.

One stack as users get it; further workers are started beside its own, as processes of the same role under
instance ids of their own. The photos come at the same random moments as in the simulation.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiohttp
import numpy as np
from _photo import photo_of
from _stack import Stack, own_stack
from overhead import STAGES, one

from sharpstream.stack.kafka import Kafka
from sharpstream.stack.roles import Servers, python
from sharpstream.stack.s3 import S3
from sharpstream.stack.state_dir import Home, Memory

UNLIMITED = {
    "GATEWAY_REQUESTS_PER_MINUTE": "1000000",
    "GATEWAY_INTERACTIVE_AT_ONCE": "1000000",
    "GATEWAY_MAX_IN_FLIGHT": "1000000",
    "GATEWAY_UPLOADS_AT_ONCE": "256",
}
READY_S = 120
DEALING_S = 5
"""After the last worker is ready: the group deals its partitions out once more."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A batch of up to ``max_batch`` takes ``batch_s``; ``rate`` photos a second come to all workers."""

    batch_s: float
    max_batch: int
    workers: int
    rate: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """Seconds of each photo, in all and by stage, and the moments at which they were sent."""

    total: np.ndarray
    stages: dict[str, np.ndarray]
    arrivals: np.ndarray
    per_second: float
    failures: int


@contextmanager
def stack_of(case: Case) -> Iterator[Stack]:
    """Start a system whose own worker runs as the case says."""
    with own_stack(**UNLIMITED, **_engine(case)) as stack:
        yield stack


class Workers:
    """Workers beside the stack's own one. Use as a context manager; `grow` starts further ones."""

    def __init__(self, stack: Stack, case: Case) -> None:
        home = Home(Path(stack.status["home"]))
        memory = Memory(home)
        servers = Servers(
            kafka=Kafka(home, memory).settings_of("inference"),
            s3=S3(home, memory).settings_of("inference"),
            database_url="",
        )
        shell = {key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ}
        self._env = shell | servers.variables(database=False) | _engine(case) | {"LOG_LEVEL": "WARNING"}
        self._home = home
        self._running: list[tuple[subprocess.Popen[bytes], int]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process, _port in self._running:
            process.terminate()
        for process, _port in self._running:
            process.wait(60)

    def grow(self, workers: int) -> None:
        """Start workers until there are so many with the stack's own, and wait until all are ready."""
        while len(self._running) < workers - 1:
            port = _free_port()
            name = f"bench-{len(self._running) + 2}"
            env = self._env | {
                "INFERENCE_INSTANCE_ID": name,
                "HEALTH_HOST": "127.0.0.1",
                "HEALTH_PORT": str(port),
            }
            process = subprocess.Popen(python("inference_consumer"), env=env, cwd=self._home.root)
            self._running.append((process, port))
        deadline = time.monotonic() + READY_S
        while not all(_ready(port) for _, port in self._running):
            if time.monotonic() > deadline or any(p.poll() is not None for p, _ in self._running):
                raise RuntimeError("a worker did not become ready; its log is above")
            time.sleep(0.2)
        time.sleep(DEALING_S)


def arrivals_of(rate: float, seconds: float, seed: int) -> np.ndarray:
    """Return the moments of a Poisson stream, the same for the system and the simulation."""
    return np.cumsum(np.random.default_rng(seed).exponential(1 / rate, round(rate * seconds)))


def send(stack: Stack, arrivals: np.ndarray | None, alone: int = 0) -> Measured:
    """Send a photo at each moment, or ``alone`` photos one after another; follow each to its end."""
    return asyncio.run(_send(stack, arrivals, alone, photo_of(200_000)))


async def _send(stack: Stack, arrivals: np.ndarray | None, alone: int, photo: bytes) -> Measured:
    stages: dict[str, list[float]] = defaultdict(list)
    failures: list[str] = []

    async def timed(session: aiohttp.ClientSession, due: float) -> None:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        try:
            for stage, ms in (await one(session, stack.url, photo)).items():
                stages[stage].append(ms / 1000)
        except (RuntimeError, aiohttp.ClientError, TimeoutError) as error:
            failures.append(str(error)[:200])
            print(failures[-1], file=sys.stderr)

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        timeout=aiohttp.ClientTimeout(total=600),
        headers={"X-API-Key": stack.api_key},
    ) as session:
        begin = time.perf_counter() + 0.1
        if arrivals is None:
            for _ in range(alone):
                await timed(session, begin)
        else:
            await asyncio.gather(*(timed(session, begin + due) for due in arrivals))
        took = time.perf_counter() - begin
    return Measured(
        total=np.array(stages["total_ms"]),
        stages={name: np.array(stages[name]) for name in STAGES if stages[name]},
        arrivals=np.zeros(alone) if arrivals is None else arrivals,
        per_second=len(stages["total_ms"]) / took,
        failures=len(failures),
    )


def _engine(case: Case) -> dict[str, str]:
    return {
        "INFERENCE_MODEL": "null",
        "INFERENCE_NULL_SECONDS": str(case.batch_s),
        "INFERENCE_MAX_BATCH": str(case.max_batch),
    }


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _ready(port: int) -> bool:
    url = f"http://127.0.0.1:{port}/health/ready"
    with suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False
