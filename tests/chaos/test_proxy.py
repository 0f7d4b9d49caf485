"""The proxy passes bytes unchanged, and injects each of its faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from tests.chaos.proxy import Proxy


@pytest.fixture
async def wire() -> AsyncIterator[Proxy]:
    """Yield a proxy to a server that echoes everything."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError):
                while piece := await reader.read(1000):
                    writer.write(piece)
        finally:
            writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    wire = Proxy(lambda: server.sockets[0].getsockname()[1])
    await wire.start()
    yield wire
    await wire.close()
    server.close()
    await server.wait_closed()


async def connect(wire: Proxy) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", wire.port)


async def test_bytes_pass_unchanged(wire: Proxy) -> None:
    reader, writer = await connect(wire)
    sent = bytes(range(256)) * 4000
    writer.write(sent)
    assert await reader.readexactly(len(sent)) == sent
    writer.close()


async def test_a_cut_breaks_open_connections_and_refuses_new_ones(wire: Proxy) -> None:
    reader, writer = await connect(wire)
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    await wire.cut()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    reader, writer = await connect(wire)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    wire.heal()
    reader, writer = await connect(wire)
    writer.write(b"y")
    assert await reader.readexactly(1) == b"y"
    writer.close()


async def test_a_stall_holds_bytes_back_until_healed(wire: Proxy) -> None:
    reader, writer = await connect(wire)
    wire.stall()
    writer.write(b"x")
    waiting = asyncio.ensure_future(reader.readexactly(1))
    done, _ = await asyncio.wait([waiting], timeout=0.2)
    assert not done
    wire.heal()
    assert await waiting == b"x"
    writer.close()


async def test_slow_delays_bytes_without_loss(wire: Proxy) -> None:
    reader, writer = await connect(wire)
    wire.slow(0.1)
    began = time.monotonic()
    writer.write(b"x")
    assert await reader.readexactly(1) == b"x"
    assert time.monotonic() - began >= 0.2  # once each way
    writer.close()
