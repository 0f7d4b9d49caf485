"""What one photo leaves behind: rows and bytes of each table, bytes of each topic, objects of the store.

A real system makes photos with the null model while an endpoint receives its webhooks; everything is counted
before and after. The store's bytes of the result are the null model's: the sizes of real splats are inputs.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import asyncpg
from _capacity_run import Case, arrivals_of, send, stack_of
from _events import PHOTO
from _stack import Stack
from pydantic import SecretStr

from bus.bridges import outbox
from bus.bridges.relay import Relay
from bus.contract import topics
from bus.contract.envelope import record
from bus.contract.ids import new_id
from bus.contract.messages import GenerateScene, GenerationRequested
from bus.kafka import admin
from bus.runtime.settings import DatabaseSettings
from ledger.db.database import open_pool
from ledger.db.migrate import migrate
from sharpstream.client import Client
from sharpstream.stack.kafka import Kafka
from sharpstream.stack.postgres import Postgres
from sharpstream.stack.state_dir import Home, Memory
from sharpstream.stack.supervisor import Supervisor

RATE = 4.0
QUIET_S = 15
"""Afterwards the webhooks and the last projections come in."""
_TABLES = """
SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes, pg_indexes_size(c.oid) AS indexes
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname = 'public' ORDER BY 1"""


class _Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def measure_job(photos: int) -> dict[str, Any]:
    """Return what ``photos`` photos leave behind, a photo."""
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    case = Case(batch_s=0, max_batch=32, workers=1, rate=RATE)
    with stack_of(case) as stack:
        with Client(stack.url, stack.api_key) as client:
            events = ["generation.completed.v1", "generation.failed.v1"]
            client.create_webhook(f"http://127.0.0.1:{receiver.server_address[1]}/", events=events)
        send(stack, arrivals_of(RATE, 5, 1))
        time.sleep(QUIET_S)
        before = _state(stack)
        measured = send(stack, arrivals_of(RATE, photos / RATE, 2))
        time.sleep(QUIET_S)
        after = _state(stack)
    receiver.shutdown()
    if measured.failures:
        raise RuntimeError(f"{measured.failures} photos failed")
    count = len(measured.total)
    tables = {
        name: {
            "rows": round((now["rows"] - before["tables"][name]["rows"]) / count, 3),
            "bytes": round((now["bytes"] - before["tables"][name]["bytes"]) / count),
            "of_it_indexes": round((now["indexes"] - before["tables"][name]["indexes"]) / count),
        }
        for name, now in after["tables"].items()
        if now["bytes"] > before["tables"][name]["bytes"] or now["rows"] > before["tables"][name]["rows"]
    }
    kafka = {
        name: round((size - before["topics"].get(name, 0)) / count)
        for name, size in after["topics"].items()
        if size > before["topics"].get(name, 0)
    }
    return {
        "photos": count,
        "tables": tables,
        "topics": kafka,
        "wal_bytes": round((after["wal"] - before["wal"]) / count),
    }


def _state(stack: Stack) -> dict[str, Any]:
    home = Home(Path(stack.status["home"]))
    database = asyncio.run(_database(Postgres(home, Memory(home)).url))
    sizes: Counter[str] = Counter()
    for segment in home.root.rglob("*.log"):
        topic, _, partition = segment.parent.name.rpartition("-")
        if topic and partition.isdigit() and segment.stem.isdigit():
            sizes[topic] += segment.stat().st_size
    return database | {"topics": dict(sizes)}


async def _database(url: str) -> dict[str, Any]:
    connection = await asyncpg.connect(url)
    try:
        tables = {
            row["name"]: {
                "bytes": row["bytes"],
                "indexes": row["indexes"],
                "rows": await connection.fetchval(f'SELECT count(*) FROM "{row["name"]}"'),
            }
            for row in await connection.fetch(_TABLES)
        }
        wal = int(await connection.fetchval("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))
        return {"tables": tables, "wal": wal}
    finally:
        await connection.close()


async def measure_relay(folder: Path, rows: int) -> dict[str, Any]:
    """Return how fast one relay publishes, a command and an event a row, and its processor time."""
    home = Home(folder)
    home.create()
    memory = Memory(home)
    kafka, postgres = Kafka(home, memory), Postgres(home, memory)
    supervisor = Supervisor(home, [kafka, postgres])
    try:
        await supervisor.start(supervisor.parts)
        postgres.create_database()
        settings = DatabaseSettings(url=SecretStr(postgres.url))
        async with open_pool(settings, role="bench") as pool:
            async with pool.acquire() as connection:
                await migrate(connection)
            await admin.create_topics(kafka.settings)
            relay = Relay(kafka.settings, postgres.url)
            running = asyncio.ensure_future(relay.run())
            await _drained(pool, 1)
            alone = [(await _drained(pool, 1))[0] for _ in range(30)]
            full_s, worked_s = await _drained(pool, rows, poll_s=0.05)
            await relay.stop()
            await running
    finally:
        await supervisor.stop()
    alone_s = sorted(alone)[len(alone) // 2]
    return {
        "rows": rows,
        "rows_per_second": round(rows / full_s),
        "processor_s_a_row": round(worked_s / rows, 6),
        "one_row_s": round(alone_s, 4),
    }


async def _drained(pool: asyncpg.Pool, rows: int, poll_s: float = 0.002) -> tuple[float, float]:
    """Write rows at once; return the seconds until the relay has deleted them, and this process's of work."""
    publications = [_publication() for _ in range(rows)]
    async with pool.acquire() as connection, connection.transaction():
        await outbox.enqueue_each(connection, publications)
    began, worked = time.perf_counter(), time.process_time()
    while await pool.fetchval("SELECT EXISTS (SELECT FROM outbox)"):  # noqa: ASYNC110 - of another session
        await asyncio.sleep(poll_s)
    return time.perf_counter() - began, time.process_time() - worked


def _publication() -> list[Any]:
    generation, account = new_id(), new_id()
    command = GenerateScene(
        generation_id=generation, account_id=account, source=PHOTO, requested_at=datetime.now(UTC)
    )
    event = GenerationRequested(generation_id=generation, account_id=account, source=PHOTO)
    return [
        record(topics.COMMANDS_INTERACTIVE, command, key=generation, source="/bench"),
        record(topics.EVENTS, event, key=account, source="/bench"),
    ]
