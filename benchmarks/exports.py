"""Seconds, megabytes and peak memory of each export format, in a worker as the consumer runs it.

``python -m benchmarks.exports [--rows 665] [FORMAT ...]``: 665 rows make 1.18 million Gaussians. The worker
is started and the format imported (and the rasteriser compiled) by a small scene first; that is not timed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import time
from pathlib import Path

from bus.formats import FORMATS
from export_consumer.pool import converting
from export_consumer.settings import ConverterSettings
from tests.export_consumer.scenes import ply, scene

RESULTS = Path(__file__).parent / "results"


def peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


async def measure(name: str, small: bytes, data: bytes) -> dict[str, object]:
    async with converting(ConverterSettings(workers=1)) as converter:
        await converter.convert(name, {}, small)
        began = time.perf_counter()
        made = await converter.convert(name, {}, data)
        seconds = time.perf_counter() - began
        peak = peak_bytes(converter._idle[0].process.pid)  # noqa: SLF001
    return {
        "format": name,
        "seconds": round(seconds, 2),
        "megabytes": round(len(made.data) / 1e6, 1),
        "peak_megabytes": round(peak / 1e6),
    }


def table(found: dict[str, object], rows: list[dict[str, object]]) -> str:
    lines = [f"# Exports\n\n{found['gaussians']} Gaussians, {found['cores']} cores.\n"]
    lines += ["| format | seconds | MB | peak MB |", "|---|---|---|---|"]
    lines += [f"| {' | '.join(str(value) for value in row.values())} |" for row in rows]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=665)
    parser.add_argument("formats", nargs="*", default=FORMATS)
    asked = parser.parse_args()
    large = scene(asked.rows)
    found: dict[str, object] = {"gaussians": large.gaussians.size, "cores": os.cpu_count()}
    small, data, rows = ply(scene(24)), ply(large), []
    for name in asked.formats:
        rows.append(asyncio.run(measure(name, small, data)))
        print(rows[-1], flush=True)
        RESULTS.joinpath("exports.json").write_text(json.dumps(found | {"formats": rows}, indent=2) + "\n")
        RESULTS.joinpath("exports.md").write_text(table(found, rows))


if __name__ == "__main__":
    main()
