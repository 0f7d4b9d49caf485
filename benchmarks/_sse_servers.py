"""The servers of `benchmarks/sse.py` that need only this project: ours, and plain Litestar."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import _sse_common as common

sys.path.remove(str(Path(__file__).resolve().parent))  # benchmarks/gateway.py would hide the package

import msgspec
from litestar import Litestar, get
from litestar.params import FromPath
from litestar.response import Stream

from gateway.http.middleware import Observed
from gateway.metrics import Metrics
from gateway.streaming.cursor import Cursor, partition_of, text_of
from gateway.streaming.event import StreamEvent
from gateway.streaming.hub import Hub
from gateway.streaming.sse_response import EventStream, Following
from gateway.streaming.subscriber import StreamLimits, Wanted

BODY = msgspec.json.encode(common.DATA)


def ours() -> None:
    """Serve as a gateway does: with its hub, streams and middleware, without Kafka and Postgres."""
    hub = Hub(
        epoch=1,
        partitions=12,
        ring_events=2_000,
        limits=StreamLimits(events=1_000, bytes=512 * 1024, stall_s=20),
    )
    hub.set_floors({})
    metrics = Metrics()

    async def never(after: object) -> object:
        raise AssertionError("nothing lies in the past")

    @get("/{group:int}")
    async def follow(group: FromPath[int]) -> EventStream:
        account = UUID(int=group)
        after = hub.now(account)
        position = text_of(after, partition_of(account, 12))
        following = Following(wanted=Wanted(account_id=account), after=after, page=never, position=position)
        return EventStream(following, hub, metrics)

    def publish(group: int, number: int) -> None:  # as the tail does with a record
        made, account = common.event(number), UUID(int=group)
        hub.publish(
            StreamEvent(
                cursor=Cursor(1, partition_of(account, 12), number),
                account_id=account,
                id=made["id"],
                type=made["type"],
                source=made["source"],
                time=datetime.fromisoformat(made["time"]),
                subject=made["subject"],
                body=BODY,
            )
        )

    app = Litestar([follow], openapi_config=None, logging_config=None)
    app.asgi_handler = Observed(app.asgi_handler, metrics, {})
    common.main(app, publish)


def plain() -> None:
    """Serve as in Litestar's documentation: a generator, a queue and a rendering for each client."""
    queues: defaultdict[int, list[asyncio.Queue[dict[str, object]]]] = defaultdict(list)

    async def frames(group: int) -> AsyncIterator[bytes]:
        queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        queues[group].append(queue)
        yield b"retry: 2000\n\n"
        while True:
            made = await queue.get()
            head = f"id: {made['cursor']}\nevent: {made['type']}\n"
            yield f"{head}data: {json.dumps(made)}\n\n".encode()

    @get("/{group:int}")
    async def follow(group: FromPath[int]) -> Stream:
        return Stream(frames(group), media_type="text/event-stream")

    def publish(group: int, number: int) -> None:
        made = common.event(number)
        for queue in queues[group]:
            queue.put_nowait(made)

    common.main(Litestar([follow], openapi_config=None, logging_config=None), publish)


if __name__ == "__main__":
    {"ours": ours, "plain": plain}[sys.argv[1]]()
