"""Scenes completed a second, with no webhook and with one whose receiver never answers.

One system, rounds in turn: photos are kept in flight all the time, and the completions of each round are
counted by their time. Meanwhile the deliveries to the black hole accumulate.

    python benchmarks/blackhole.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from socket import create_server
from typing import Any

import msgspec
from _photo import photo_of
from _stack import own_stack

from sharpstream.client import AsyncClient

QUIET = "without a webhook"
HOLED = "with a black hole"


async def round_of(client: AsyncClient, photo: bytes, *, seconds: float, in_flight: int) -> float:
    """Return scenes completed a second with ``in_flight`` photos in flight."""
    until = time.monotonic() + seconds
    completed = 0

    async def one() -> None:
        nonlocal completed
        while time.monotonic() < until:
            job = await client.generate(photo, name="p.jpg")
            scene = await client.wait(job.generation_id, timeout_s=60)
            if scene.status != "completed":
                raise RuntimeError(f"{scene.id}: {scene.status}")
            completed += time.monotonic() < until

    await asyncio.gather(*(one() for _ in range(in_flight)))
    return completed / seconds


async def measure(url: str, key: str, arguments: argparse.Namespace) -> dict[str, Any]:
    photo = photo_of(50_000)
    rates: dict[str, list[float]] = {QUIET: [], HOLED: []}
    with create_server(("127.0.0.1", 0), backlog=512) as listening:
        hole = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        async with AsyncClient(url, key) as client:
            await round_of(client, photo, seconds=5, in_flight=arguments.in_flight)
            for _ in range(arguments.rounds):
                for side, measured in rates.items():
                    hook = await client.create_webhook(hole) if side == HOLED else None
                    rate = await round_of(
                        client, photo, seconds=arguments.seconds, in_flight=arguments.in_flight
                    )
                    measured.append(round(rate, 2))
                    print(json.dumps({"side": side, "completed_per_second": measured[-1]}), file=sys.stderr)
                    if hook is not None:
                        await client.delete_webhook(hook.id)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "photo_bytes": len(photo),
        "in_flight": arguments.in_flight,
        "seconds": arguments.seconds,
        "completed_per_second": rates,
        "ratio": round(statistics.median(rates[HOLED]) / statistics.median(rates[QUIET]), 3),
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a table."""
    rates = report["completed_per_second"]
    return (
        "# A receiver that never answers\n\n"
        f"Scenes completed a second by the bundled model, {report['in_flight']} in flight:"
        f" {report['machine']}, {report['date']}. Median of {len(rates[QUIET])} rounds"
        f" of {report['seconds']:g} s, in turn.\n\n"
        "| | scenes/s |\n|---|---:|\n"
        + "".join(f"| {side} | {statistics.median(found):.2f} |\n" for side, found in rates.items())
        + f"| ratio | {report['ratio']:.3f} |\n"
    )


def main() -> int:
    """Parse the command line, run, write JSON and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--in-flight", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    with own_stack(GATEWAY_REQUESTS_PER_MINUTE="1000000") as stack:
        report = asyncio.run(measure(stack.url, stack.api_key, arguments))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "blackhole.json").write_bytes(
        msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
    )
    (arguments.out / "blackhole.md").write_text(markdown(report))
    print(markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
