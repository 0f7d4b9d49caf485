"""Measures an event's lag to thousands of open live streams, and the cost of a stream.

First the fan-out alone, each way in turn with the same events, the same uvicorn and the same clients: the
gateway's hub; Litestar as in its documentation (a generator, a queue and a rendering for each client);
sse-starlette with a queue for each client. Events are made inside the server, without Kafka and Postgres.
Then a whole running gateway, with its events through Kafka. Lag is from an event's creation to its arrival at
a client; all clients run in one other process. Two shapes: *many accounts*, where an event goes to 100
streams (*busy*: three times as many events), and *one account*, where each goes to all streams.

    python benchmarks/sse.py                        # 5,000 streams, 10 s each way
    python benchmarks/sse.py --no-stack --no-rival  # the fan-out alone, nothing to install
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
from _stack import Stack, own_stack
from aiokafka import AIOKafkaProducer

from bus.contract import topics
from bus.contract.envelope import record
from bus.contract.ids import new_id
from bus.contract.messages import ApiKeyCreated
from bus.runtime.settings import KafkaSettings

HERE = Path(__file__).parent
GOAL_MS = 250


@contextmanager
def clients(order: dict[str, Any]) -> Iterator[tuple[dict[str, Any], subprocess.Popen[str]]]:
    """Open the streams; yield the cost of opening them, and the process, which reports more on request."""
    command = [sys.executable, HERE / "_sse_load.py", json.dumps(order)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield heard(process), process
    finally:
        process.kill()
        process.wait()


def heard(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the next line of a process."""
    assert process.stdout
    line = process.stdout.readline()
    if not line:
        raise RuntimeError("a process of the benchmark ended early")
    reported: dict[str, Any] = json.loads(line)
    return reported


def say(process: subprocess.Popen[str], line: str) -> None:
    """Write a line to a process."""
    assert process.stdin
    process.stdin.write(line + "\n")
    process.stdin.flush()


def fan_out(command: list[Any], shape: dict[str, Any], streams: int, seconds: float) -> dict[str, Any]:
    """Measure one server that makes its own events."""
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        order = {"host": "127.0.0.1", "port": heard(server), "path": "/{group}", "headers": []}
        with clients(order | {"streams": streams, "groups": shape["groups"]}) as (opened, process):
            say(process, "begin")
            say(server, f"{shape['groups']} {shape['rate']} {seconds}")
            reported = heard(server)
            say(process, "done")
            reported |= heard(process) | opened
    finally:
        server.kill()
        server.wait()
    reported["kib_per_stream"] /= streams
    reported["lost"] = reported["events"] * streams // shape["groups"] - reported["deliveries"]
    return reported


@contextmanager
def rival() -> Iterator[list[Any]]:
    """Install sse-starlette into its own environment; yield the command of its server."""
    folder = Path(tempfile.mkdtemp(prefix="sharpstream-rival-", dir="/var/tmp"))
    try:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [folder / "bin/python", "-m", "pip", "install", "-q", "--require-hashes", "-r"]
        subprocess.run([*install, HERE / "_sse_starlette.txt"], check=True, stdout=sys.stderr)
        yield [folder / "bin/python", HERE / "_sse_starlette.py"]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def produce(stack: Stack, account: Any, rate: float, seconds: float, begin: Callable[[], None]) -> int:
    """Write each of the account's events into Kafka when it is made; call ``begin`` after a warm-up."""
    options = KafkaSettings(**stack.credentials["kafka"]).client_options()
    async with AIOKafkaProducer(enable_idempotence=True, acks="all", **options) as producer:

        async def send() -> None:
            message = ApiKeyCreated(api_key_id=new_id(), account_id=account)
            out = record(topics.EVENTS, message, key=account, source="/bench", time=datetime.now(UTC))
            await producer.send_and_wait(out.topic, key=out.key, value=out.value, headers=out.headers)

        for _ in range(3):  # warm-up: the first waits for the producer's id, and the streams are new
            await send()
            await asyncio.sleep(1)
        begin()
        began = time.monotonic()
        for number in range(round(rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            await send()
        await asyncio.sleep(3)
    return round(rate * seconds)


async def account_of(stack: Stack) -> Any:
    """Return the only account."""
    connection = await asyncpg.connect(stack.credentials["database_url"])
    try:
        return await connection.fetchval("SELECT id FROM users LIMIT 1")
    finally:
        await connection.close()


def whole(streams: int, rate: float, seconds: float) -> dict[str, Any]:
    """Measure a running gateway: all streams of one account, events through Kafka."""
    with own_stack(INFERENCE_MODEL="null", GATEWAY_MAX_STREAMS=str(streams)) as stack:
        pid = stack.status["roles"]["gateway"]["pid"]
        account = asyncio.run(account_of(stack))
        host, _, port = stack.url.removeprefix("http://").partition(":")
        headers = [f"X-API-Key: {stack.api_key}", "Accept: text/event-stream"]
        order = {"host": host, "port": port, "path": "/api/v1/events", "headers": headers, "groups": 1}
        with clients(order | {"streams": streams}) as (opened, process):
            before = seconds_of(pid)
            events = asyncio.run(produce(stack, account, rate, seconds, lambda: say(process, "begin")))
            busy_s = seconds_of(pid) - before
            say(process, "done")
            reported = heard(process) | opened
    return reported | {
        "events": events,
        "server_cpu_s": busy_s,
        "lost": events * streams - reported["deliveries"],
    }


def seconds_of(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run every way in turn."""
    groups = max(1, arguments.streams // 100)
    shapes = [
        {"name": "many accounts", "groups": groups, "rate": arguments.rate},
        {"name": "many accounts, busy", "groups": groups, "rate": 3 * arguments.rate},
        {"name": "one account", "groups": 1, "rate": arguments.rate * 100 / arguments.streams},
    ]
    ways: dict[str, list[Any]] = {
        "sharpstream": [sys.executable, HERE / "_sse_servers.py", "ours"],
        "litestar, a queue a client": [sys.executable, HERE / "_sse_servers.py", "plain"],
    }
    runs = []

    def run(way: str, shape: dict[str, Any], reported: dict[str, Any]) -> None:
        for side in ("server", "client"):
            reported[f"{side}_cores"] = reported.pop(f"{side}_cpu_s") / arguments.seconds
        runs.append({"way": way, "shape": shape["name"], "rate": shape["rate"]} | reported)
        print(json.dumps(runs[-1]), file=sys.stderr)

    def all_shapes(way: str, command: list[Any]) -> None:
        for shape in shapes:
            run(way, shape, fan_out(command, shape, arguments.streams, arguments.seconds))

    for way, command in ways.items():
        all_shapes(way, command)
    if not arguments.no_rival:
        with rival() as command:
            all_shapes("sse-starlette, a queue a client", command)
    if not arguments.no_stack:
        reported = whole(arguments.streams, shapes[-1]["rate"], arguments.seconds)
        run("sharpstream, whole gateway", shapes[-1], reported)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        "streams": arguments.streams,
        "seconds": arguments.seconds,
        "runs": runs,
    }


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a page."""
    lines = [
        "# Live streams",
        "",
        f"{report['streams']} open streams in one process, {report['machine']}, {report['date']};"
        f" {report['seconds']:g} s a run. Clients share the machine. Lag in ms from the making of an event to"
        " its arrival at a client; ratio: p99 against sharpstream's in the same shape.",
        "",
        "| way | shape | deliveries/s offered | p50 | p99 | max | ratio | lost or late | server cores"
        " | client cores | KiB a stream |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    base = {run["shape"]: run["p99_ms"] for run in report["runs"] if run["way"] == "sharpstream"}
    for run in report["runs"]:
        offered = (run["deliveries"] + run["lost"]) / report["seconds"]
        lag = " | ".join("-" if run[k] is None else f"{run[k]:.0f}" for k in ("p50_ms", "p99_ms", "max_ms"))
        ratio = "-" if run["p99_ms"] is None else f"{run['p99_ms'] / base[run['shape']]:.1f}"
        kib = f"{run['kib_per_stream']:.0f}" if "kib_per_stream" in run else "-"
        lines.append(
            f"| {run['way']} | {run['shape']} | {offered:.0f} | {lag} | {ratio} | {run['lost']}"
            f" | {run['server_cores']:.2f} | {run['client_cores']:.2f} | {kib} |"
        )
    ours = [run for run in report["runs"] if run["way"].startswith("sharpstream")]
    met = all(run["lost"] == 0 and run["p99_ms"] < GOAL_MS for run in ours)
    return (
        "\n".join([*lines, "", f"Goal, p99 under {GOAL_MS} ms: {'met' if met else 'not met'}.", bound(ours)])
        + "\n"
    )


def bound(runs: list[dict[str, Any]]) -> str:
    """Return a sentence on the bottleneck of this machine."""
    server, client = (max(run[key] for run in runs) for key in ("server_cores", "client_cores"))
    whose = "the clients' process" if client > server else "the server's one thread"
    return (
        f"What bounds it on this machine: {whose} (at most {server:.2f} cores for the server, {client:.2f}"
        " for the clients); with one account, an event is one write to each socket in a row, and the last of"
        " them is the lag."
    )


def main() -> int:
    """Parse the command line, run, write JSON and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--streams", type=int, default=5_000)
    parser.add_argument("--rate", type=float, default=100, help="events a second, each to 100 streams")
    parser.add_argument("--seconds", type=float, default=10, help="length of each run")
    parser.add_argument(
        "--no-rival", action="store_true", help="without sse-starlette, which is installed for it"
    )
    parser.add_argument("--no-stack", action="store_true", help="without a whole system")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    report = measure(arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "sse.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "sse.md").write_text(markdown(report))
    print(markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
