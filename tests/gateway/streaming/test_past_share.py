"""Streams that wait for a ledger that is far behind leave connections to the requests."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from gateway.streaming.cursor import BEGINNING, Position
from gateway.streaming.hub import Hub
from gateway.streaming.sse_response import Following, _begin
from gateway.streaming.subscriber import StreamLimits, Wanted

SHARE, STREAMS = 3, 200


async def test_only_a_share_of_the_streams_reads_the_log_at_once() -> None:
    """All of them read, again and again, as the ledger reaches nothing; at most `SHARE` at the same time."""
    limits = StreamLimits(events=10, bytes=10**6, stall_s=1)
    hub = Hub(epoch=1, partitions=12, ring_events=10, limits=limits, past_at_once=SHARE)
    hub.set_floors(dict.fromkeys(range(12), 1_000_000))
    now = most = 0
    read: set[int] = set()
    done = asyncio.Event()

    def following(number: int) -> Following:
        async def page(_: Position) -> tuple[list[Any], Position]:
            nonlocal now, most
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1
            read.add(number)
            if len(read) == STREAMS:
                done.set()
            return [], BEGINNING

        wanted = Wanted(account_id=UUID(int=number))
        return Following(wanted=wanted, after=BEGINNING, page=page)

    async def write(chunk: bytes, more: bool) -> None:
        pass

    with ExitStack() as stack:
        running = []
        for number in range(STREAMS):
            each = following(number)
            reader = stack.enter_context(hub.reader(each.wanted))
            reader.open(write, lambda: None)
            running.append(asyncio.create_task(_begin(hub, each, reader)))
        async with asyncio.timeout(30):
            await done.wait()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert most == SHARE
