"""The server compared in `benchmarks/sse.py`: sse-starlette with a queue a client, as it documents."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator

import _sse_common as common
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

queues: defaultdict[int, list[asyncio.Queue[dict[str, object]]]] = defaultdict(list)


async def follow(request: Request) -> EventSourceResponse:
    return EventSourceResponse(frames(request.path_params["group"]))


async def frames(group: int) -> AsyncIterator[ServerSentEvent]:
    queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()
    queues[group].append(queue)
    yield ServerSentEvent(comment="hello", retry=2000)
    while True:
        made = await queue.get()
        yield ServerSentEvent(json.dumps(made), id=str(made["cursor"]), event=str(made["type"]))


def publish(group: int, number: int) -> None:
    made = common.event(number)
    for queue in queues[group]:
        queue.put_nowait(made)


common.main(Starlette(routes=[Route("/{group:int}", follow)]), publish)
