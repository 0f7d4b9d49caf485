"""The clients of `benchmarks/sse.py`, in their own process: thousands of streams, read and timed.

``python _sse_load.py JSON`` with url, path, headers, groups, streams: opens them, reports so, starts
to count on a line of input, and reports the results on another.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from array import array
from datetime import datetime

import uvloop
from _sse_common import allow_many, cpu_s

MARK = b'"time":'


class Client(asyncio.Protocol):
    """One stream: sends its request and records the lag of each event."""

    def __init__(self, request: bytes, lags: array[float], opened: asyncio.Future[None]) -> None:
        self.request, self.lags, self.opened = request, lags, opened
        self.rest = b""
        self.count = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self.request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.time()
        data = self.rest + data
        if not self.opened.done():
            if not data.startswith(b"HTTP/1.1 200"):
                self.opened.set_exception(RuntimeError(data[:300].decode()))
                return
            if b"retry:" not in data:
                self.rest = data
                return
            self.opened.set_result(None)
        offset = 0
        while (found := data.find(MARK, offset)) >= 0:
            begin = data.find(b'"', found + len(MARK)) + 1
            end = data.find(b'"', begin)
            if begin == 0 or end < 0:
                break
            self.lags.append(now - datetime.fromisoformat(data[begin:end].decode()).timestamp())
            self.count += 1
            offset = end
        self.rest = data[max(offset, len(data) - 64) if found < 0 else found :]

    def connection_lost(self, _: Exception | None) -> None:
        self.lost = True
        if not self.opened.done():
            self.opened.set_exception(RuntimeError("closed before it began"))


async def main(order: dict[str, object]) -> None:
    host, port = str(order["host"]), int(str(order["port"]))
    streams, groups = int(str(order["streams"])), int(str(order["groups"]))
    loop, lags, clients = asyncio.get_running_loop(), array("d"), []
    began = time.monotonic()
    for first in range(0, streams, 100):
        waiting = []
        for number in range(first, min(first + 100, streams)):
            path = str(order["path"]).format(group=number % groups)
            lines = [f"GET {path} HTTP/1.1", f"Host: {host}", *order["headers"]]  # type: ignore[misc]
            request = ("\r\n".join(lines) + "\r\n\r\n").encode()
            opened = loop.create_future()
            client = Client(request, lags, opened)
            clients.append(client)
            waiting.append(opened)
            await loop.create_connection(lambda client=client: client, host, port)
        await asyncio.gather(*waiting)
    print(json.dumps({"opened_per_second": streams / (time.monotonic() - began)}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    before = cpu_s()
    del lags[:]  # those of the warm-up
    for client in clients:
        client.count = 0
    await asyncio.to_thread(sys.stdin.readline)
    busy_s = cpu_s() - before
    ordered = sorted(lags)
    reported = {
        f"p{p}_ms": ordered[int(len(ordered) * p / 100)] * 1000 if ordered else None for p in (50, 90, 99)
    }
    reported |= {
        "max_ms": ordered[-1] * 1000 if ordered else None,
        "deliveries": len(ordered),
        "lost_connections": sum(client.lost for client in clients),
        "fewest": min(client.count for client in clients),
        "client_cpu_s": busy_s,
    }
    print(json.dumps(reported), flush=True)


if __name__ == "__main__":
    allow_many()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(json.loads(sys.argv[1])))
