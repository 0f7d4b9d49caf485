"""Measures one photo's time while another account floods the service, against the same without the flood.

The model takes a second a batch of two without using the CPU, as SHARP on an accelerator would (0.9 s on an
A100), in as many steps as a ViT-L has blocks. So the benchmark measures scheduling. It runs twice: as it is,
and with the share of interactive priority switched off.

    python benchmarks/fairness.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from _photo import photo_of
from _stack import Stack, own_stack

from sharpstream.client import AsyncClient, Client, Memory, Session, Tokens

SHARE_OFF = {"GATEWAY_INTERACTIVE_AT_ONCE": "1000000"}
ENGINE = {
    "INFERENCE_MODEL": "null",
    "INFERENCE_NULL_SECONDS": "1",
    "INFERENCE_MAX_BATCH": "2",
    "GATEWAY_REQUESTS_PER_MINUTE": "1000000",
}


PASSWORD = "correct horse battery"


def account_of(stack: Stack, name: str) -> str:
    """Make an account and return its API key."""
    email = f"{name}@example.org"
    with Client(stack.url) as client:
        client.register(email, PASSWORD)
        session = Session(Memory(Tokens.of(client.login(email, PASSWORD))))
    with Client(stack.url, sign_in=session) as client:
        return client.create_api_key("bench").key


async def one_by_one(url: str, key: str, photo: bytes, count: int) -> list[float]:
    """Return the seconds from sending each photo to its splat."""
    took = []
    async with AsyncClient(url, key) as client:
        for _ in range(count):
            began = time.perf_counter()
            job = await client.generate(photo, name="p.jpg")
            async for _event in client.follow(job.generation_id):
                pass
            took.append(time.perf_counter() - began)
    return took


async def flood(url: str, key: str, photo: bytes, in_flight: int) -> None:
    """Keep ``in_flight`` photos in flight, until cancelled."""

    async def again(client: AsyncClient) -> None:
        while True:
            job = await client.generate(photo, name="p.jpg")
            await client.wait(job.generation_id)

    async with AsyncClient(url, key) as client:
        await asyncio.gather(*(again(client) for _ in range(in_flight)))


async def measure(stack: Stack, arguments: argparse.Namespace) -> dict[str, Any]:
    photo = photo_of(50_000)
    calm, loud = [await asyncio.to_thread(account_of, stack, name) for name in ("calm", "loud")]
    await one_by_one(stack.url, calm, photo, 3)
    alone = await one_by_one(stack.url, calm, photo, arguments.photos)
    flooding = asyncio.create_task(flood(stack.url, loud, photo, arguments.in_flight))
    await asyncio.sleep(10)
    beside = await one_by_one(stack.url, calm, photo, arguments.photos)
    flooding.cancel()
    figures = {name: [float(np.percentile(took, p)) for p in (50, 99)] for name, took in
               (("alone", alone), ("beside", beside))}  # fmt: skip
    return {
        name: {"p50_s": round(p50, 3), "p99_s": round(p99, 3)} for name, (p50, p99) in figures.items()
    } | {
        "ratio_p50": round(figures["beside"][0] / figures["alone"][0], 2),
        "ratio_p99": round(figures["beside"][1] / figures["alone"][1], 2),
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a table."""
    lines = [
        "# Fairness",
        "",
        "Seconds from photo to splat of one account, one photo at a time, alone and beside another that"
        f" keeps {report['in_flight']} in flight: {report['machine']}, {report['date']},"
        f" {report['photos']} photos.",
        "",
        "| | alone p50 | p99 | beside p50 | p99 | ratio p50 | ratio p99 |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for name, run in report["runs"].items():
        alone, beside = run["alone"], run["beside"]
        lines.append(
            f"| {name} | {alone['p50_s']} | {alone['p99_s']} | {beside['p50_s']} | {beside['p99_s']} |"
            f" {run['ratio_p50']} | {run['ratio_p99']} |"
        )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Parse the command line, run, write JSON and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    runs = {}
    for name, extra in (("with a share each", {}), ("without", SHARE_OFF)):
        with own_stack(**ENGINE, **extra) as stack:
            runs[name] = asyncio.run(measure(stack, arguments))
        print(json.dumps({name: runs[name]}), file=sys.stderr)
    report = {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "photos": arguments.photos,
        "in_flight": arguments.in_flight,
        "runs": runs,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "fairness.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
    )
    (arguments.out / "fairness.md").write_text(markdown(report))
    print(markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
