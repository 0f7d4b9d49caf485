"""Shared by the servers of `benchmarks/sse.py`: the event, its schedule, and the start command.

Standard library and uvicorn only, because the compared server runs in its own environment.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
import uvloop

DATA: dict[str, Any] = {
    "type": "generation.completed.v1",
    "generation_id": "0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47",
    "account_id": "0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a48",
    "result": {"key": "results/g/1.ply", "sha256": "bb" * 32, "bytes": 66_060_288, "media_type": "model/ply"},
    "gaussian_count": 1_179_648,
    "image_width": 1536,
    "image_height": 1024,
    "focal_length_px": 1281.25,
    "input_sha256": "aa" * 32,
    "model": {
        "name": "sharp",
        "version": "1",
        "weights_sha256": "cc" * 32,
        "dtype": "float16",
        "device": "cuda",
        "batch_size": 4,
    },
    "timings": {"queued_ms": 12.5, "fetch_ms": 9.1, "decode_ms": 20.2, "inference_ms": 700.3},
    "attempt": 1,
}
"""The data of the largest event, 800 bytes."""


def event(number: int) -> dict[str, Any]:
    """Return the event as a CloudEvent with the current time."""
    return {
        "specversion": "1.0",
        "id": str(UUID(int=number)),
        "type": DATA["type"],
        "source": "/bench",
        "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "subject": DATA["generation_id"],
        "cursor": f"1-0-{number}",
        "data": DATA,
    }


def allow_many() -> None:
    """Raise the limit of open files to its maximum."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def cpu_s() -> float:
    """Return the processor seconds of this process."""
    return time.process_time()


def resident_mib(pid: int | str = "self") -> float:
    """Return the resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def main(app: Any, publish: Callable[[int, int], Any]) -> None:
    """Serve ``app``; on a line "groups rate seconds" call ``publish(group, number)`` at that rate."""
    allow_many()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(app, publish))


async def _main(app: Any, publish: Callable[[int, int], Any]) -> None:
    config = uvicorn.Config(app, port=0, log_level="error", access_log=False, backlog=4096, lifespan="off")
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())  # noqa: SLF001  (without its signal handling)
    while not server.started:  # noqa: ASYNC110  (uvicorn has no event for it)
        await asyncio.sleep(0.01)
    empty = resident_mib()
    print(server.servers[0].sockets[0].getsockname()[1], flush=True)
    line = await asyncio.to_thread(sys.stdin.readline)
    groups, rate, seconds = line.split()
    full, before, began = resident_mib(), cpu_s(), time.monotonic()
    number = 0
    while (due := began + number / float(rate)) < began + float(seconds):
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        publish(number % int(groups), number)
        number += 1
    # Events that arrive later than this count as lost.
    await asyncio.sleep(3)
    reported = {
        "events": number,
        "server_cpu_s": cpu_s() - before,
        "kib_per_stream": (full - empty) * 1024,
    }
    print(json.dumps(reported), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    serving.cancel()
    raise SystemExit
