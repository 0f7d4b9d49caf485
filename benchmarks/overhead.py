"""Measures the service's overhead, from POSTing a photo to its terminal event at an SSE client.

The model is `null` (a tiny fixed result), so everything measured is overhead: HTTP, S3, Postgres, relay,
Kafka, the pipeline, the event's way back. Requests start at fixed times (open loop), so that a slow
response does not delay the next request; percentiles are over all of them. Examples:

    python benchmarks/overhead.py                         # starts a stack of its own, all rates
    python benchmarks/overhead.py --rates 1,10 --seconds 30 --out benchmarks/results
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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from _stack import own_stack
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
    lines.append("| failures | " + " | ".join(str(load["failures"]) for load in loads) + " |")
    return "\n".join(lines) + "\n"


async def measure(url: str, key: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Warm up, then run every rate."""
    photo = photo_of(arguments.kilobytes)
    await at_rate(url, key, photo, 10, 3)  # connections, caches, first compilations
    loads = []
    for rate in arguments.rates:
        loads.append(await at_rate(url, key, photo, rate, arguments.seconds))
        print(json.dumps(loads[-1]), file=sys.stderr)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "photo_bytes": len(photo),
        "seconds_per_load": arguments.seconds,
        "loads": loads,
    }


def main() -> int:
    """Parse the command line, run, write JSON and Markdown; 1 if any request failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rates", type=lambda s: [float(r) for r in s.split(",")], default=[1, 10, 50, 100])
    parser.add_argument("--seconds", type=float, default=20, help="length of each load")
    parser.add_argument("--kilobytes", type=int, default=200, help="size of the photo")
    parser.add_argument("--url", help="a running gateway; default: a stack of its own")
    parser.add_argument("--api-key", help="for --url")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    if arguments.url:
        report = asyncio.run(measure(arguments.url, arguments.api_key, arguments))
    else:
        with own_stack(INFERENCE_MODEL="null") as stack:
            report = asyncio.run(measure(stack.url, stack.api_key, arguments))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "overhead.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "overhead.md").write_text(markdown(report))
    print(markdown(report))
    return 1 if any(load["failures"] for load in report["loads"]) else 0


if __name__ == "__main__":
    sys.exit(main())
