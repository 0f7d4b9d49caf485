"""A client is accepted soon, however many connections that say nothing came before its own."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

import uvloop

from gateway.http import socket_options

SILENT = 480


class Accepted(asyncio.Protocol):
    """Counts connections."""

    count = 0

    def connection_made(self, _: asyncio.BaseTransport) -> None:
        Accepted.count += 1


async def turns_until_accepted(stack: ExitStack) -> int:
    """Open connections, the last of which is the client's; return the loop's turns until it is accepted."""
    Accepted.count = 0
    loop = asyncio.get_running_loop()
    listening = stack.enter_context(socket_options.listening("127.0.0.1", 0))
    for descriptor in socket_options.descriptors(listening):
        server = await loop.create_server(Accepted, sock=descriptor, backlog=socket_options.BACKLOG)
        stack.callback(server.close)
    for _ in range(SILENT + 1):
        stack.enter_context(socket.create_connection(listening.getsockname()))
    turns = 0
    while Accepted.count <= SILENT:
        await asyncio.sleep(0)
        turns += 1
    return turns


def test_many_connections_are_accepted_in_few_turns_of_the_loop() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, ExitStack() as stack:
        turns = runner.run(turns_until_accepted(stack))
    assert turns <= 2 + (SILENT + 1) / socket_options.DESCRIPTORS + 5, "uvloop alone takes one a turn"
