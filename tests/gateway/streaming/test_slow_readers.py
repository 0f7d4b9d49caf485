"""Readers that are slow, revoked or stay too long, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from urllib.parse import urlsplit

import asyncpg
import pytest

from bus.contract.messages import GenerationFailed
from gateway.http import socket_options
from gateway.streaming.supervisor import StreamSupervisor
from tests.gateway.conftest import until

BIG = "x" * 20_000


@pytest.fixture
def gateway_settings(gateway_settings):
    return gateway_settings.model_copy(update={"reader_queue": 20, "reader_stall_seconds": 0.5})


async def connect(world, after: str | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open the account's stream on a socket whose own buffer is small; nothing is read yet."""
    where = urlsplit(world.url)
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.setblocking(False)
    await asyncio.get_running_loop().sock_connect(plain, (where.hostname, where.port))
    reader, writer = await asyncio.open_connection(sock=plain, limit=1024)
    lines = [
        "GET /api/v1/events HTTP/1.1",
        "Host: gateway",
        "Accept: text/event-stream",
        *(f"{name}: {value}" for name, value in world.headers.items()),
        *([f"Last-Event-ID: {after}"] if after else []),
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    return reader, writer


def complete_ids(raw: bytes) -> list[str]:
    """Return the ids of the complete blocks, as a client reads them; chunk sizes are skipped."""
    body = raw.partition(b"\r\n\r\n")[2]
    text, rest = b"", body
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        if not size or not (length := int(size, 16)):
            break
        text += rest[:length]
        rest = rest[length + 2 :]
    blocks = text.split(b"\n\n")[:-1]
    return [b[4:].split(b"\n")[0].decode() for b in blocks if b.startswith(b"id: ") and b"data: " in b]


async def fail_loudly(world, count: int) -> list[str]:
    """Publish failures with long messages; return their cursors."""
    ids = []
    for _ in range(count):
        job = await world.scene()
        message = GenerationFailed(
            generation_id=job, account_id=world.account, code="decode_failed", message=BIG
        )
        ids.append(str(await world.publish(message)))
    return ids


async def test_a_slow_reader_is_disconnected_and_resumes_without_a_gap(world):
    hub = world.api.services.hub
    reader, writer = await connect(world)
    received = await reader.readuntil(b"\r\n\r\n")
    (watched,) = hub.all()
    # The client reads one event; what follows is lost with the connection if the kernel closes it first.
    ids = await fail_loudly(world, 1)
    while not complete_ids(received):
        received += await reader.read(1024)
    ids += await fail_loudly(world, 250)  # 5 MB: more than all buffers on the way hold
    await until(lambda: watched.dropped)
    assert watched.queued() == []
    await until(lambda: not hub.all())  # the server closes it although the client does not read
    assert world.api.services.metrics.dropped._value.get() == 1
    received += await rest_of(reader)
    writer.close()
    await writer.wait_closed()
    seen = complete_ids(received)
    assert len(seen) < len(ids)
    assert seen == ids[: len(seen)]
    after = seen[-1]
    await world.heard(world.published[-1][0])
    while len(seen) < len(ids):  # from the ring again, in pieces that fit the socket's buffer
        more = await world.some(min(10, len(ids) - len(seen)), after)
        seen += [frame["id"] for frame in more]
        after = seen[-1]
    assert seen == ids


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    parts = []
    try:
        while part := await reader.read(65536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


async def ended(frames) -> None:
    """Wait until the stream ends gracefully, without another event."""
    async with asyncio.timeout(30):
        async for frame in frames:
            assert "event" not in frame


async def test_a_revoked_key_ends_its_streams_and_no_others(world):
    stream_supervisor = world.api.services.stream_supervisor
    person = await world.api.person()
    key_id, key = await world.api.key(person)
    async with (
        world.stream("events", headers=key) as (_, by_key),
        world.stream("events", headers=person) as (_, by_person),
        world.stream("events") as (_, by_other),
    ):
        for frames in (by_key, by_person, by_other):
            await anext(frames)
        await stream_supervisor.recheck()
        assert len(world.api.services.hub.all()) == 3
        await world.api.client.delete(f"/api/v1/api-keys/{key_id}", headers=person)
        await stream_supervisor.recheck()
        await ended(by_key)
        assert len(world.api.services.hub.all()) == 2
        await world.api.sql("UPDATE users SET is_active = false WHERE id = $1", world.account)
        await stream_supervisor.recheck()
        await ended(by_other)
        assert (await anext(by_person)) == {"comment": "still here"}


async def test_streams_continue_while_postgres_is_unavailable(world):
    class Away:
        async def fetchrow(self, *_, **__):
            raise asyncpg.ConnectionDoesNotExistError("away")

    hub = world.api.services.hub
    async with world.stream("events") as (_, frames):
        await anext(frames)
        await StreamSupervisor(hub, Away(), heartbeat_s=15, longest_s=3600, signed_in_s=900).recheck()
        assert len(hub.all()) == 1
        assert await anext(frames) == {"comment": "still here"}


async def test_streams_end_gracefully_at_their_maximum_age(world):
    hub = world.api.services.hub
    async with world.stream("events") as (_, frames):
        await anext(frames)
        (reader,) = hub.all()
        stream_supervisor = StreamSupervisor(
            hub, world.api.services.pool, heartbeat_s=15, longest_s=3600, signed_in_s=900
        )
        stream_supervisor.check(reader.opened + 2800)
        assert not reader.over
        stream_supervisor.check(reader.opened + 3601)
        await ended(frames)
    async with world.stream("events", headers=await world.api.person()) as (_, frames):
        await anext(frames)
        (reader,) = hub.all()
        stream_supervisor.check(reader.opened + 901)
        await ended(frames)


async def test_an_unreadable_event_log_ends_the_stream(world, monkeypatch):
    async def fail(*_, **__):
        raise asyncpg.ConnectionDoesNotExistError("away")

    await world.publish(world.requested(await world.scene()))
    await world.heard(world.published[-1][0])
    world.api.services.hub._rings[world.partition].floor += 1
    monkeypatch.setattr(type(world.api.services.history), "of_account", fail)
    async with world.stream("events", "0") as (answer, frames):
        assert answer.status_code == 200
        await ended(frames)


def test_accepted_connections_inherit_the_socket_options():
    with socket_options.listening("127.0.0.1", 0) as listening:
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
        with accepted:
            buffer = accepted.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
            assert socket_options.SEND_BUFFER_BYTES <= buffer <= 2 * socket_options.SEND_BUFFER_BYTES
            if hasattr(socket, "TCP_USER_TIMEOUT"):
                user_timeout_ms = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
                assert user_timeout_ms == socket_options.UNTAKEN_S * 1000
