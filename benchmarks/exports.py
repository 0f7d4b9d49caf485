"""Measures seconds, megabytes and peak memory of each export format, in a worker as in the consumer.

``python -m benchmarks.exports [--rows 665] [FORMAT ...]``: 665 rows make 1.18 million Gaussians. The worker
is started and the format imported (and the rasteriser compiled) by a small scene first; that is not timed.
For comparison, from the same .ply in the same run: splat-transform (PlayCanvas; a new process each time, as a
user runs it) if Node has it, and gsply. Each is the best of three; formats not named keep their figures.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bus.contract.formats import FORMATS
from export_consumer.pool import converting
from export_consumer.settings import ConverterSettings
from tests.export_consumer.foreign import READERS
from tests.export_consumer.scenes import ply, scene

RESULTS: Final = Path(__file__).parent / "results"
TRANSFORM: Final = READERS / "node_modules/@playcanvas/splat-transform/bin/cli.mjs"
BY_TRANSFORM: Final = {
    "ply": ".ply",
    "ply_compressed": ".compressed.ply",
    "spz": ".spz",
    "sog": ".sog",
    "glb": ".glb",
}
BY_GSPLY: Final = {"ply": "False", "ply_compressed": "True"}
GSPLY: Final = """
import sys, time, gsply
for source in (sys.argv[2], sys.argv[1]):  # a small one first: it compiles itself, 10 s
    began = time.perf_counter()
    gsply.plywrite(sys.argv[3], gsply.plyread(source), compressed={compressed})
print(time.perf_counter() - began)
"""
TRIES: Final = 3

Row = dict[str, str | float | None]


def peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


async def ours(name: str, small: bytes, data: bytes) -> Row:
    seconds = []
    async with converting(ConverterSettings(workers=1)) as converter:
        await converter.convert(name, {}, small)
        for _ in range(1 if name == "mp4" else TRIES):  # a minute each
            began = time.perf_counter()
            made = await converter.convert(name, {}, data)
            seconds.append(time.perf_counter() - began)
        peak = peak_bytes(converter._idle[0].process.pid)  # noqa: SLF001
    return figures("", min(seconds), len(made.data), peak)


def theirs(which: str, command: list[str], target: Path) -> Row:
    """Run a command that writes the target a few times; includes its start unless it reports a time."""
    seconds, peak = [], 0
    for _ in range(TRIES):
        target.unlink(missing_ok=True)
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert process.stdout is not None
        reported = process.stdout.read().strip()
        _, status, usage = os.wait4(process.pid, 0)
        seconds.append(float(reported) if reported else time.perf_counter() - began)
        if status:
            raise SystemExit(f"{which} failed: {' '.join(command)}")
        peak = max(peak, usage.ru_maxrss * 1024)
    return figures(f"{which}_", min(seconds), target.stat().st_size, peak)


def figures(prefix: str, seconds: float, size: int, peak: int) -> Row:
    return {
        f"{prefix}seconds": round(seconds, 2),
        f"{prefix}megabytes": round(size / 1e6, 1),
        f"{prefix}peak_megabytes": round(peak / 1e6),
    }


def measure(name: str, small: bytes, data: bytes, folder: Path) -> Row:
    source = folder / "source.ply"
    row: Row = {"format": name, **asyncio.run(ours(name, small, data))}
    if name in BY_TRANSFORM and TRANSFORM.exists():
        target = folder / f"theirs{BY_TRANSFORM[name]}"
        row |= theirs("transform", ["node", str(TRANSFORM), "-q", "-w", str(source), str(target)], target)
    if name in BY_GSPLY:
        suffix = BY_TRANSFORM[name]
        target, code = folder / f"gsply{suffix}", GSPLY.format(compressed=BY_GSPLY[name])
        small_one = str(folder / "small.ply")
        row |= theirs("gsply", [sys.executable, "-c", code, str(source), small_one, str(target)], target)
    return row


def table(found: dict[str, object], rows: list[Row]) -> str:
    lines = [
        f"# Exports\n\n{found['gaussians']} Gaussians, {found['cores']} cores; the best of {TRIES}.",
        "splat-transform's seconds hold the start of its process, 0.2 s; the others are warm.\n",
        "| format | s | MB | peak MB | splat-transform: s, MB, peak MB | its time / ours | gsply: the same |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        transform, gsply = (
            ", ".join(str(row[f"{who}_{what}"]) for what in ("seconds", "megabytes", "peak_megabytes"))
            if f"{who}_seconds" in row
            else ""
            for who in ("transform", "gsply")
        )
        ratio = (
            f"{float(row['transform_seconds'] or 0) / float(row['seconds'] or 1):.1f}" if transform else ""
        )
        own = (row["format"], row["seconds"], row["megabytes"], row["peak_megabytes"])
        lines.append(f"| {' | '.join(map(str, (*own, transform, ratio, gsply)))} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=665)
    parser.add_argument("formats", nargs="*", default=FORMATS)
    asked = parser.parse_args()
    large, report = scene(asked.rows), RESULTS / "exports.json"
    found: dict[str, object] = {"gaussians": large.gaussians.size, "cores": os.cpu_count()}
    before = json.loads(report.read_text()) if report.exists() else {}
    kept = before.get("formats", []) if found.items() <= before.items() else []
    rows: dict[str, Row] = {str(row["format"]): row for row in kept}
    small, data = ply(scene(24)), ply(large)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "source.ply").write_bytes(data)
        Path(folder, "small.ply").write_bytes(small)
        for name in asked.formats:
            rows[name] = measure(name, small, data, Path(folder))
            print(rows[name], flush=True)
            ordered = [rows[each] for each in FORMATS if each in rows]
            report.write_text(json.dumps(found | {"formats": ordered}, indent=2) + "\n")
            RESULTS.joinpath("exports.md").write_text(table(found, ordered))


if __name__ == "__main__":
    main()
