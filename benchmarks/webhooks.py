"""Measures the webhooks that one worker delivers in a second, to receivers that answer after 50 ms.

It is compared in the same run with a simple design: a pool of worker threads, each sending one delivery at a
time on a new connection (requests). The threads use no database: their deliveries come from a list and their
results are discarded, while ours claims rows in Postgres and records each result. Rates are counted at the
receivers, from the first request to the last. Examples:

    python benchmarks/webhooks.py                             # starts a Postgres of its own
    python benchmarks/webhooks.py --database postgresql://... # makes a database there and drops it
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

sys.path.remove(str(Path(__file__).resolve().parent))  # benchmarks/gateway.py would hide the package

import asyncpg
import requests
import uvloop
from aiohttp import web
from pydantic import SecretStr

from bus.bridges.projector import RawRecord
from bus.contract import envelope, topics
from bus.contract.ids import new_id
from bus.contract.messages import GenerationDeleted
from gateway.settings import OutgoingSettings, WebhookSettings
from gateway.webhooks import secrets
from gateway.webhooks.fanin import FanIn
from gateway.webhooks.http_session import session
from gateway.webhooks.repository import Webhooks
from gateway.webhooks.secrets import Sealer, signature
from gateway.webhooks.sender import Sender, SenderLimits

KEY = SecretStr("a key that seals the secrets of a benchmark")
ANSWER_S = 0.05


# --- the receivers: their own process ----------------------------------------------------------------


def receive() -> None:
    """Serve until killed: any POST is answered after 50 ms, GET /count returns the requests received."""
    ids: Counter[str] = Counter()
    times: list[float] = []

    async def hook(request: web.Request) -> web.Response:
        await request.read()
        ids[f"{request.path} {request.headers['webhook-id']}"] += 1
        times.append(time.monotonic())
        await asyncio.sleep(ANSWER_S)
        return web.Response(text="ok")

    async def count(_: web.Request) -> web.Response:
        reported = {"requests": len(times), "distinct": len(ids)}
        seconds = times[-1] - times[0] if len(times) > 1 else 0.0
        return web.json_response(reported | {"seconds": seconds})

    async def reset(_: web.Request) -> web.Response:
        ids.clear()
        times.clear()
        return web.Response()

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/count", count)
        app.router.add_get("/reset", reset)
        app.router.add_post("/{path:.*}", hook)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

    uvloop.run(serve())


# --- ours: one sender process -------------------------------------------------------------------------


def send(dsn: str) -> None:
    """Send until killed, as ``python -m gateway webhooks`` does, with its defaults."""
    own = WebhookSettings(key=KEY, loopback_ports="1-65535")

    async def run() -> None:
        limits = SenderLimits(
            total=own.in_flight,
            per_endpoint=own.in_flight_per_endpoint,
            timeout_s=own.timeout_seconds,
            lease_s=own.lease_seconds,
            disable_after_s=86_400,
        )
        async with (
            asyncpg.create_pool(dsn, min_size=1, max_size=10) as pool,
            session(own, OutgoingSettings()) as http,
        ):
            await Sender(pool, http, Sealer(own.key), limits).run()

    uvloop.run(run())


async def fill(dsn: str, url: str, *, endpoints: int, events: int) -> None:
    """Make one account with endpoints, and a delivery of each event to each of them."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=2) as pool:
        account = new_id()
        await pool.execute(
            "INSERT INTO users (id, email, password_hash, first_name, last_name, role, created_at,"
            " updated_at, is_active) VALUES ($1, $2, 'x', '', '', 'user', now(), now(), true)",
            account,
            f"{account}@example.com",
        )
        desk = Webhooks(pool, Sealer(KEY), most=10_000)
        for number in range(endpoints):
            await desk.create(account, url=f"{url}/{number}", events=["*"], description="")
        for begin in range(0, events, 500):
            records = [_record(account, offset) for offset in range(begin, min(begin + 500, events))]
            async with pool.acquire() as connection, connection.transaction():
                await FanIn(epoch=1).apply(connection, records)
        await pool.execute("ANALYZE")


def _record(account: Any, offset: int) -> RawRecord:
    event = GenerationDeleted(generation_id=new_id(), account_id=account)
    out = envelope.record(topics.EVENTS, event, key=account, source="/bench")
    return RawRecord(topics.EVENTS.name, 0, offset, out.key, out.value, out.headers, datetime.now(UTC))


def ours(dsn: str, url: str, *, endpoints: int, events: int) -> dict[str, Any]:
    """Deliver everything with one sender process."""
    asyncio.run(fill(dsn, url, endpoints=endpoints, events=events))
    worker = subprocess.Popen([sys.executable, __file__, "--send", dsn])
    try:
        found = wait_for(url, endpoints * events)
    finally:
        worker.terminate()
        worker.wait()
    return {"way": "sharpstream, 1 process"} | found


# --- the simple design: worker threads ----------------------------------------------------------------


def threads(url: str, count: int, *, endpoints: int, events: int) -> dict[str, Any]:
    """Deliver everything with ``count`` worker threads, each one delivery and one connection at a time."""
    work: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    for _ in range(events):
        event_id = str(uuid4())
        for number in range(endpoints):
            work.put((f"{url}/{number}", event_id))
    secret = secrets.make()
    body = json.dumps({"id": "x", "type": "generation.deleted.v1", "data": {"text": "y" * 350}})

    def loop() -> None:
        while True:
            try:
                where, event_id = work.get_nowait()
            except queue.Empty:
                return
            now = datetime.now(UTC)
            headers = {
                "content-type": "application/json",
                "webhook-id": event_id,
                "webhook-timestamp": str(int(now.timestamp())),
                "webhook-signature": signature([secret], event_id=event_id, at=now, body=body),
            }
            requests.post(where, data=body, headers=headers, timeout=15, allow_redirects=False)

    pool = [threading.Thread(target=loop) for _ in range(count)]
    for thread in pool:
        thread.start()
    for thread in pool:
        thread.join()
    return {"way": f"requests, {count} threads"} | wait_for(url, endpoints * events)


# --- the run --------------------------------------------------------------------------------------------


def wait_for(url: str, wanted: int) -> dict[str, Any]:
    """Wait until the receivers have everything; return their counts."""
    deadline = time.monotonic() + 600
    while True:
        with urlopen(f"{url}/count") as answer:
            found = json.load(answer)
        if found["distinct"] >= wanted:
            break
        if time.monotonic() > deadline:
            raise RuntimeError(f"only {found} of {wanted}")
        time.sleep(0.2)
    urlopen(f"{url}/reset").close()
    return {
        "deliveries": found["distinct"],
        "repeats": found["requests"] - found["distinct"],
        "seconds": round(found["seconds"], 2),
        "per_second": round(found["distinct"] / found["seconds"], 1),
    }


@dataclass(frozen=True)
class Target:
    """A migrated database for this run."""

    dsn: str


@contextmanager
def database(given: str | None) -> Iterator[Target]:
    """Make a database in the given server or in a new one; drop it afterwards."""
    home: str | None = None
    servers: subprocess.Popen[bytes] | None = None
    if given is None:
        home = tempfile.mkdtemp(prefix="sharpstream-bench-", dir="/var/tmp")
        Path(home).chmod(0o755)  # Postgres runs as another user if we are root
        servers = subprocess.Popen([sys.executable, "-m", "sharpstream.stack.infra", home])
        state = Path(home) / "state.json"
        while not state.exists():
            if servers.poll() is not None:
                raise RuntimeError("the servers did not start")
            time.sleep(0.1)
        given = json.loads(state.read_text())["database_url"]
    name = f"bench_{uuid4().hex}"
    try:
        asyncio.run(_sql(given, f"CREATE DATABASE {name}"))
        dsn = f"{given.rpartition('/')[0]}/{name}"
        migrate = [sys.executable, "-m", "ledger", "migrate"]
        subprocess.run(migrate, env=os.environ | {"DATABASE_URL": dsn}, check=True, stdout=subprocess.DEVNULL)
        yield Target(dsn)
        asyncio.run(_sql(given, f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        if servers is not None:
            servers.terminate()
            servers.wait()
        if home is not None:
            shutil.rmtree(home, ignore_errors=True)


async def _sql(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


def markdown(report: dict[str, Any]) -> str:
    """Return the report as a page."""
    lines = [
        "# Webhook deliveries",
        "",
        f"{report['events']} events to {report['endpoints']} endpoints whose answers take"
        f" {1000 * ANSWER_S:g} ms, {report['machine']}, {report['date']}. Receivers, sender and Postgres"
        " share the machine. The threads have no database to read or write.",
        "",
        "| way | deliveries/s | times ours | deliveries | sent twice |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {way['way']} | {way['per_second']:g} | {way['ratio']:g} | {way['deliveries']} |"
        f" {way['repeats']} |"
        for way in report["ways"]
    ]
    return "\n".join(lines) + "\n"


def measure(target: Target, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run every way in turn against the same receivers."""
    receivers = subprocess.Popen([sys.executable, __file__, "--receive"], stdout=subprocess.PIPE, text=True)
    try:
        assert receivers.stdout
        url = f"http://127.0.0.1:{int(receivers.stdout.readline())}"
        size = {"endpoints": arguments.endpoints, "events": arguments.events}
        ways = [ours(target.dsn, url, **size)]
        for count in arguments.threads:
            ways.append(threads(url, count, **size))
            print(json.dumps(ways[-1]), file=sys.stderr)
    finally:
        receivers.kill()
        receivers.wait()
    for way in ways:
        way["ratio"] = round(way["per_second"] / ways[0]["per_second"], 2)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}",
        **size,
        "ways": ways,
    }


def main() -> int:
    """Parse the command line, run, write JSON and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--endpoints", type=int, default=50)
    parser.add_argument("--events", type=int, default=200, help="each goes to every endpoint")
    parser.add_argument("--threads", type=lambda s: [int(n) for n in s.split(",")], default=[16, 64])
    parser.add_argument("--database", help="a Postgres that may be used; default: one of our own")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--send", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.receive:
        receive()
    if arguments.send:
        send(arguments.send)
    with database(arguments.database) as target:
        report = measure(target, arguments)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "webhooks.json").write_text(json.dumps(report, indent=1) + "\n")
    (arguments.out / "webhooks.md").write_text(markdown(report))
    print(markdown(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
