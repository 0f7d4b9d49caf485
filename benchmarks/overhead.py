"""Measures the service's overhead, from POSTing a photo to its terminal event at an SSE client.

The model is `null` (a tiny fixed result), so everything measured is overhead: HTTP, S3, Postgres, relay,
Kafka, the pipeline, the event's way back. Requests start at fixed times (open loop), so that a slow
response does not delay the next request; percentiles are over all of them. Examples:

    python benchmarks/overhead.py                         # starts a stack of its own, all rates
    python benchmarks/overhead.py --rates 1,10 --seconds 30 --out benchmarks/results
    python benchmarks/overhead.py --peer                  # and FastAPI + Celery + Redis, in turn at each rate

The peer (`_fastapi_celery.py`) does the whole job, with as many Celery processes, 1 to 4, as finish most at
the highest rate; Postgres and S3 are the same servers. Once more it leaves the decoding in POST out.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import platform
import sys
import time
from collections import defaultdict
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from _processor_time import Reading, read
from _rival import Rival, installed, running
from _stack import Stack, own_stack
from PIL import Image

STAGES = [
    "post_ms",
    "queued_ms",
    "fetch_ms",
    "decode_ms",
    "batch_wait_ms",
    "inference_ms",
    "encode_ms",
    "upload_ms",
    "event_ms",
    "total_ms",
]
POLL_S = 5
QUIET = 0.05
"""Of a core: what the export role takes when it has nothing to do, at most."""
TERMINAL = {"generation.completed.v1", "generation.failed.v1", "generation.cancelled.v1"}


def photo_of(kilobytes: int) -> bytes:
    """Return a JPEG of about that size: smooth noise, so that it decodes like a photograph."""
    noise = np.random.default_rng(7).integers(0, 255, (96, 144, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((1536, 1024), Image.Resampling.BICUBIC)
    for quality in range(98, 20, -3):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= kilobytes * 1000:
            break
    return buffer.getvalue()


async def one(session: aiohttp.ClientSession, url: str, photo: bytes) -> dict[str, float]:
    """Send one photo, follow its stream to the end, return milliseconds a stage."""
    form = aiohttp.FormData()
    form.add_field("image", photo, filename="photo.jpg", content_type="image/jpeg")
    start = time.perf_counter()
    async with session.post(f"{url}/api/v1/scenes/generate", data=form) as answer:
        body = await answer.json()
        if answer.status != 202:
            raise RuntimeError(f"{answer.status}: {body}")
    posted = time.perf_counter()
    async with session.get(f"{url}/api/v1/scenes/{body['generation_id']}/events") as stream:
        event = await terminal(stream)
    end, now = time.perf_counter(), datetime.now(UTC)
    if event["type"] != "generation.completed.v1":
        raise RuntimeError(f"ended with {event}")
    timings = {k: float(v) for k, v in event["data"]["timings"].items()}
    # From the event's creation to its arrival: transaction, Kafka, hub, HTTP.
    timings["event_ms"] = (now - datetime.fromisoformat(event["time"])).total_seconds() * 1000
    return timings | {"post_ms": (posted - start) * 1000, "total_ms": (end - start) * 1000}


async def terminal(stream: aiohttp.ClientResponse) -> dict[str, Any]:
    """Return the event that ends the job."""
    async for line in stream.content:
        if line.startswith(b"data:"):
            event: dict[str, Any] = json.loads(line[5:])
            if event["type"] in TERMINAL:
                return event
    raise RuntimeError("the stream ended without a terminal event")


async def at_rate(url: str, key: str, photo: bytes, rate: float, seconds: float) -> dict[str, Any]:
    """Run one open-loop load and return its percentiles."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=60 + seconds)
    failures: list[str] = []
    stages: dict[str, list[float]] = defaultdict(list)

    async def timed(session: aiohttp.ClientSession, due: float) -> None:
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        try:
            for stage, value in (await one(session, url, photo)).items():
                stages[stage].append(value)
        except (RuntimeError, aiohttp.ClientError, TimeoutError) as error:
            failures.append(str(error)[:200])

    count = max(10, round(rate * seconds))
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers={"X-API-Key": key}
    ) as session:
        begin = time.perf_counter() + 0.1
        await asyncio.gather(*(timed(session, begin + i / rate) for i in range(count)))
        took = time.perf_counter() - begin
    return {
        "rate": rate,
        "requests": count,
        "failures": len(failures),
        "first_failure": failures[0] if failures else None,
        "achieved_per_second": round((count - len(failures)) / took, 2),
        "stages": {
            stage: {f"p{p}": round(float(np.percentile(stages[stage], p)), 2) for p in (50, 99)}
            for stage in STAGES
            if stages[stage]
        },
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a page."""
    loads = report["loads"]
    lines = [
        "# Overhead of the service",
        "",
        f"POST -> terminal event at an SSE client, null model, {report['photo_bytes']} byte JPEG, "
        f"{report['machine']}, {report['date']}.",
        "",
        "Milliseconds, p50 / p99, at requests per second:",
        "",
        "| stage | " + " | ".join(f"{load['rate']:g}/s" for load in loads) + " |",
        "|---|" + "---|" * len(loads),
    ]
    for stage in STAGES:
        cells = [load["stages"].get(stage, {"p50": "-", "p99": "-"}) for load in loads]
        lines.append(f"| {stage} | " + " | ".join(f"{c['p50']} / {c['p99']}" for c in cells) + " |")
    lines.append("| achieved/s | " + " | ".join(str(load["achieved_per_second"]) for load in loads) + " |")
    names = sorted({name for load in loads for name in load["ms_a_job"]})
    for name in names:
        cells = [str(load["ms_a_job"].get(name, "-")) for load in loads]
        lines.append(f"| processor ms a job: {name} | " + " | ".join(cells) + " |")
    lines.append(
        "| **processor ms a job** | " + " | ".join(str(load["ms_a_job_in_all"]) for load in loads) + " |"
    )
    lines.append("| failures | " + " | ".join(str(load["failures"]) for load in loads) + " |")
    idle = report["idle_percent_of_a_core"]
    lines += ["", f"Idle, percent of a core: {sum(idle.values()):.1f}. By part: "]
    lines[-1] += ", ".join(f"{name} {share}" for name, share in idle.items()) + "."
    if report["peers"]:
        lines += compared(report)
    return "\n".join(lines) + "\n"


async def until_quiet(stack: Stack) -> Reading:
    """Wait until what follows the events is done (exports, webhooks); return the reading of then."""
    last = read(stack.status)
    for _ in range(60):
        await asyncio.sleep(POLL_S)
        now = read(stack.status)
        if now.since(last)["export"] < QUIET:
            return now
        last = now
    raise RuntimeError("the exports did not end")


def ms_a_job(before: Reading, after: Reading, idle: dict[str, float], jobs: int) -> dict[str, float]:
    """Return the processor time of one job by part, without what the parts take when idle."""
    took = after.at - before.at
    spent = {name: (share - idle[name]) * took for name, share in after.since(before).items()}
    return {name: round(1000 * seconds / jobs, 2) for name, seconds in sorted(spent.items())}


async def measure(stack: Stack, arguments: argparse.Namespace) -> dict[str, Any]:
    """Warm up, then run every rate; between them the system is idle."""
    photo = photo_of(arguments.kilobytes)
    url, key = stack.url, stack.api_key
    await at_rate(url, key, photo, 10, arguments.warm_up)  # connections, caches, first compilations
    before = await until_quiet(stack)
    await asyncio.sleep(arguments.idle)
    idle = read(stack.status).since(before)
    loads, peers = [], []
    with installed() if arguments.peer else nullcontext() as folder:
        workers = await best_workers(folder, stack, photo, max(arguments.rates)) if folder else 0
        for rate in arguments.rates:
            before = read(stack.status)
            load = await at_rate(url, key, photo, rate, arguments.seconds)
            spent = ms_a_job(before, await until_quiet(stack), idle, load["requests"] - load["failures"])
            loads.append(load | {"ms_a_job": spent, "ms_a_job_in_all": round(sum(spent.values()), 1)})
            print(json.dumps(loads[-1]), file=sys.stderr)
            for decodes in ("both", "worker") if folder else ():
                with running(folder, stack, workers=workers, RIVAL_DECODES=decodes) as rival:
                    found = await of_peer(rival, stack, photo, rate, arguments.seconds, idle)
                peers.append({"decodes": decodes, "workers": workers} | found)
                print(json.dumps(peers[-1]), file=sys.stderr)
    return {
        "idle_percent_of_a_core": {name: round(100 * share, 2) for name, share in sorted(idle.items())},
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "photo_bytes": len(photo),
        "seconds_per_load": arguments.seconds,
        "loads": loads,
        "peers": peers,
    }


async def best_workers(folder: Path, stack: Stack, photo: bytes, rate: float) -> int:
    """Return with how many Celery processes, 1 to 4, the peer finishes most."""
    finished = {}
    for workers in range(1, 5):
        with running(folder, stack, workers=workers) as rival:
            await at_rate(rival.url, stack.api_key, photo, 5, 5)
            load = await at_rate(rival.url, stack.api_key, photo, rate, 10)
        finished[workers] = load["achieved_per_second"]
    print(json.dumps({"peer_per_second_by_workers": finished}), file=sys.stderr)
    return max(finished, key=lambda workers: finished[workers])


async def of_peer(
    rival: Rival, stack: Stack, photo: bytes, rate: float, seconds: float, idle: dict[str, float]
) -> dict[str, Any]:
    """Run one load on the peer. Its processor time is that of its own parts, of Postgres and of S3."""
    await at_rate(rival.url, stack.api_key, photo, 5, 5)  # connections
    before, shared = read(rival.status), read(stack.status)
    load = await at_rate(rival.url, stack.api_key, photo, rate, seconds)
    after, shared_after = read(rival.status), read(stack.status)
    jobs = load["requests"] - load["failures"]
    spent = ms_a_job(before, after, dict.fromkeys(after.spent, 0.0), jobs)
    servers = ms_a_job(shared, shared_after, idle, jobs)
    spent |= {name: servers[name] for name in ("postgres", "s3")}
    return load | {"ms_a_job": spent, "ms_a_job_in_all": round(sum(spent.values()), 1)}


def compared(report: dict[str, Any]) -> list[str]:
    """Return the table of both sides, with ratios."""
    names = {"both": "peer, decodes in POST too", "worker": "peer, decodes in the worker only"}
    lines = [
        "",
        f"FastAPI + Celery ({report['peers'][0]['workers']} processes) + Redis in the same run, with the same"
        " Postgres and S3 server. It promises nothing: docs/benchmarks.md says what each promise costs.",
        "",
        "| photos/s | side | p50 ms | p99 ms | finished/s | processor ms a job | p50 ratio | rate ratio |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for ours in report["loads"]:
        theirs = [peer for peer in report["peers"] if peer["rate"] == ours["rate"]]
        for name, load in [("sharpstream", ours), *((names[each["decodes"]], each) for each in theirs)]:
            total = load["stages"].get("total_ms", {"p50": 0.0, "p99": 0.0})
            row = [f"{load['rate']:g}", name, total["p50"], total["p99"], load["achieved_per_second"]]
            row.append(load["ms_a_job_in_all"])
            if load is ours or not total["p50"]:
                row += ["", ""]
            else:
                row.append(f"{ours['stages']['total_ms']['p50'] / total['p50']:.1f}")
                row.append(f"{ours['achieved_per_second'] / load['achieved_per_second']:.2f}")
            lines.append("| " + " | ".join(map(str, row)) + " |")
    return lines


def main() -> int:
    """Parse the command line, run, write JSON and Markdown; 1 if any request failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rates", type=lambda s: [float(r) for r in s.split(",")], default=[2, 10, 30, 50])
    parser.add_argument("--seconds", type=float, default=20, help="length of each load")
    parser.add_argument("--kilobytes", type=int, default=200, help="size of the photo")
    parser.add_argument("--warm-up", type=float, default=60, help="seconds at 10/s before")
    parser.add_argument("--peer", action="store_true", help="FastAPI + Celery + Redis in turn with ours")
    parser.add_argument("--idle", type=float, default=30, help="seconds of the idle system")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    with own_stack(INFERENCE_MODEL="null", GATEWAY_REQUESTS_PER_MINUTE="1000000") as stack:
        report = asyncio.run(measure(stack, arguments))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "overhead.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "overhead.md").write_text(markdown(report))
    print(markdown(report))
    return 1 if any(load["failures"] for load in report["loads"]) else 0


if __name__ == "__main__":
    sys.exit(main())
