"""Real receivers on loopback, endpoints in a real database, and a sender in this process."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from aiohttp import web
from pydantic import SecretStr
from standardwebhooks import Webhook

from bus.bridges.projector import RawRecord
from bus.contract import envelope, topics
from bus.contract.ids import new_id
from bus.contract.messages import AnyMessage, GenerationCancelled, GenerationDeleted
from gateway.ssrf import SsrfGuard
from gateway.streaming.cursor import partition_of
from gateway.webhooks.account_secrets import AccountKeys
from gateway.webhooks.fanin import FanIn
from gateway.webhooks.redelivery import Sending
from gateway.webhooks.repository import Webhooks
from gateway.webhooks.secrets import Sealer
from gateway.webhooks.sender import Sender, SenderLimits

ANY_PORT = (range(1, 65536),)
KEY = SecretStr("a key of the tests that seals webhook secrets")
LIMITS = SenderLimits(total=64, per_endpoint=8, timeout_s=5, lease_s=30, disable_after_s=3600)
Answer = Callable[[web.Request], web.StreamResponse]


@dataclass
class Got:
    """One request as received."""

    id: str
    body: bytes
    headers: dict[str, str]


@dataclass
class Receiver:
    """A customer's server; each path is one endpoint, with its own requests and responses."""

    url: str = ""
    got: defaultdict[str, list[Got]] = field(default_factory=lambda: defaultdict(list))
    answers: dict[str, list[web.Response]] = field(default_factory=dict)
    """The next responses of a path; 200 after those."""
    held: dict[str, asyncio.Event] = field(default_factory=dict)
    """Paths that answer only once the event is set (black holes)."""
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.Response:
        path = request.path
        got = Got(request.headers.get("webhook-id", ""), await request.read(), dict(request.headers))
        async with self.heard:
            self.got[path].append(got)
            self.heard.notify_all()
        if (hold := self.held.get(path)) is not None:
            await hold.wait()
        planned = self.answers.get(path)
        return planned.pop(0) if planned else web.Response(text="thanks")

    async def until(self, good: Callable[[], bool]) -> None:
        """Wait for requests until the condition holds; the limit only turns a hang into a failure."""
        async with asyncio.timeout(60), self.heard:
            await self.heard.wait_for(good)

    def ids(self, path: str) -> Counter[str]:
        return Counter(got.id for got in self.got[path])


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield found
    for hold in found.held.values():
        hold.set()
    await runner.cleanup()


@pytest.fixture
async def pool(fresh_database: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(fresh_database, min_size=1, max_size=4) as pool:
        yield pool


async def add_account(pool: asyncpg.Pool) -> UUID:
    account = new_id()
    await pool.execute(
        "INSERT INTO users (id, email, password_hash, first_name, last_name, role, created_at, updated_at,"
        " is_active) VALUES ($1, $2, 'x', 'Ada', 'L', 'user', now(), now(), true)",
        account,
        f"{account}@example.com",
    )
    return account


@dataclass
class Desk:
    """One account with endpoints at the receiver, its events and its deliveries."""

    pool: asyncpg.Pool
    receiver: Receiver
    account: UUID
    sealer: Sealer = field(default_factory=lambda: Sealer(KEY))
    secrets: dict[str, str] = field(default_factory=dict)
    offset: int = 0

    @property
    def webhooks(self) -> Webhooks:
        return Webhooks(self.pool, self.sealer, most=1000)

    @property
    def sending(self) -> Sending:
        return Sending(self.pool)

    @property
    def keys(self) -> AccountKeys:
        return AccountKeys(self.pool, self.sealer)

    async def endpoint(self, path: str = "/a", *, events: tuple[str, ...] = ("*",)) -> UUID:
        row, secret = await self.webhooks.create(
            self.account, url=f"{self.receiver.url}{path}", events=list(events), description=""
        )
        self.secrets[path] = secret
        return row.id

    def event(self, message: AnyMessage | None = None, **options) -> RawRecord:
        """Return the next record of the account's partition."""
        message = message or GenerationDeleted(generation_id=new_id(), account_id=self.account)
        out = envelope.record(topics.EVENTS, message, key=self.account, source="/tests", **options)
        self.offset += 1
        partition = partition_of(self.account, topics.EVENTS.partitions)
        return RawRecord(
            topics.EVENTS.name, partition, self.offset, out.key, out.value, out.headers, datetime.now(UTC)
        )

    def ending(self, generation_id: UUID) -> RawRecord:
        return self.event(
            GenerationCancelled(generation_id=generation_id, account_id=self.account, reason="requested")
        )

    async def fan_in(self, *records: RawRecord) -> list[str]:
        """Fan the records in as the projector does; return the event ids."""
        async with self.pool.acquire() as connection, connection.transaction():
            await FanIn(epoch=1).apply(connection, records)
        return [envelope.header(record.headers, "ce_id") or "" for record in records]

    async def deliveries(self, **columns: object) -> list[asyncpg.Record]:
        where = " AND ".join(f"{name} = ${at}" for at, name in enumerate(columns, 1)) or "true"
        return await self.pool.fetch(
            f"SELECT * FROM webhook_deliveries WHERE {where} ORDER BY created_at, id", *columns.values()
        )

    async def states(self) -> Counter[str]:
        return Counter(row["state"] for row in await self.deliveries())

    async def wait_for_states(self, good: Callable[[Counter[str]], bool]) -> None:
        """Wait until the condition holds for the states of all deliveries."""
        async with asyncio.timeout(60):
            while not good(await self.states()):  # noqa: ASYNC110  (rows have no event)
                await asyncio.sleep(0.02)

    def verify(self, path: str, got: Got, secret: str | None = None) -> dict:
        return Webhook(secret or self.secrets[path]).verify(got.body, got.headers)

    async def fall_due(self) -> None:
        """Make all pending deliveries due now."""
        await self.pool.execute("UPDATE webhook_deliveries SET due_at = now() WHERE state = 'pending'")


@pytest.fixture
async def desk(pool: asyncpg.Pool, receiver: Receiver) -> Desk:
    return Desk(pool, receiver, await add_account(pool))


@asynccontextmanager
async def sending(
    pool: asyncpg.Pool, limits: SenderLimits = LIMITS, egress: SsrfGuard | None = None
) -> AsyncIterator[Sender]:
    """A running sender, stopped gracefully at the end."""
    egress = egress or SsrfGuard(allow_private=False, loopback_ports=ANY_PORT)
    async with egress.session(connect_s=limits.timeout_s, total_s=limits.timeout_s) as session:
        sender = Sender(pool, session, Sealer(KEY), limits)
        working = asyncio.create_task(sender.run())
        try:
            yield sender
        finally:
            sender.stop()
            async with asyncio.timeout(60):
                await working


async def once(pool: asyncpg.Pool, limits: SenderLimits = LIMITS) -> None:
    """Send all due deliveries, one attempt each, and stop."""
    left = (
        "SELECT count(*) FROM webhook_deliveries"
        " WHERE state = 'pending' AND (due_at <= now() OR claim > attempts)"
    )
    async with sending(pool, limits), asyncio.timeout(60):
        while await pool.fetchval(left):  # noqa: ASYNC110  (rows have no event)
            await asyncio.sleep(0.01)
