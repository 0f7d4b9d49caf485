"""The role's own work with the model ``layered`` in a fresh process, for `model.py`; prints one line of JSON.

    python benchmarks/_model_layered.py WEIGHTS PHOTO REPEAT BATCHES CORES BEGUN

BEGUN is the time (`time.time`) at which the process was started: the start counts from there.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.append(sys.path.pop(0))  # gateway.py and ledger.py beside this file would hide the packages

import inference_consumer.app  # noqa: F401  (what the role imports belongs to its start)
from inference_consumer.engine import Engine
from inference_consumer.layered.bundled import Bundled
from inference_consumer.layered.model import Layered
from inference_consumer.models import Photo
from photo import reader


def memory_bytes() -> int:
    """Return the most memory that this process has held; getrusage would count the parent's, too."""
    if platform.system() == "Linux":
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@contextmanager
def timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    """Add the block's seconds to a stage."""
    begun = time.perf_counter()
    yield
    seconds[stage] += time.perf_counter() - begun


async def started(engine: Engine) -> None:
    """Load and warm up the model as the role does; its thread then ends."""
    await engine.start()
    await engine.stop(within_s=5)


def photo_of(read: reader.Picture) -> Photo:
    """Return what a model takes."""
    return Photo(pixels=read.pixels, focal_px=read.focal_px, focal_source=read.focal_source)


def once(model: Layered, data: bytes, size: int) -> dict[str, Any]:
    """Take a batch of photos from bytes to files; return the seconds of each stage."""
    seconds: dict[str, float] = defaultdict(float)
    counts = []
    with timed(seconds, "total"):
        with timed(seconds, "decode"):
            photos = [photo_of(reader.read(data)) for _ in range(size)]
        with timed(seconds, "prepare"):
            items = [model.prepare(one) for one in photos]
        with timed(seconds, "network"):
            made = model.run(items)
        with timed(seconds, "scene and file"):
            for one in made:
                if isinstance(one, Exception):
                    raise one
                one.ply()
                counts.append(one.count)
    return {**seconds, "gaussians": counts[0]}


def main() -> None:
    """Start as the role does, then measure each batch size."""
    weights, picture, repeat, batches, cores, begun = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    reader.prepare()
    engine = Engine(lambda: Layered(Bundled(Path(weights))), max_batch=None)
    asyncio.run(started(engine))
    report: dict[str, Any] = {"start_s": time.time() - float(begun), "start_bytes": memory_bytes()}
    report["start_cpu_s"] = time.process_time()
    data = Path(picture).read_bytes()
    report["batches"] = []
    for size in map(int, batches.split(",")):
        runs = [once(engine.model, data, size) for _ in range(int(repeat))]
        best = min(runs, key=lambda seconds: seconds["total"])
        report["batches"].append({"batch": size, **best, "peak_bytes": memory_bytes()})
    print(json.dumps({**report, "model": engine.model.info.name}))


if __name__ == "__main__":
    main()
