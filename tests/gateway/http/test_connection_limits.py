"""A connection that is slow, large or one too many is ended, by a real server on a port.

| class | members | source |
|---|---|---|
| a connection holds a socket without end | nothing sent, half a head, a drip, half a body | Slowloris |
| a head takes memory | one large header, many, a long target, trailers | parsers without a limit |
| one address takes all connections | beyond the number, a trusted proxy, all together | no limit an address |
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from functools import partial

import pytest
import uvicorn

from gateway.errors import DomainError
from gateway.http import connection_limits
from gateway.http.body_deadline import BodyDeadline
from gateway.http.client_address import TrustedProxies
from gateway.http.connection_limits import ConnectionLimits, LimitedProtocol
from tests.gateway.conftest import until


async def app(scope, receive, send) -> None:
    """Read the whole body, but that of /early, and answer its length; a late body is answered by its code."""
    size, more, status = 0, scope["path"] != "/early", 200
    try:
        while more:
            message = await receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
    except DomainError as error:
        status, size = 408, error.code
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": str(size).encode()})


@asynccontextmanager
async def served(limits: ConnectionLimits, body_s: float = 30):
    protocol = partial(LimitedProtocol, limits=limits)
    config = uvicorn.Config(
        BodyDeadline(app, body_s), port=0, lifespan="off", log_config=None, http=protocol, proxy_headers=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())
    await until(lambda: server.started)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def port(monkeypatch):
    monkeypatch.setattr(connection_limits, "HEAD_S", 0.3)
    monkeypatch.setattr(connection_limits, "LINGER_S", 0.3)
    async with served(ConnectionLimits(TrustedProxies(""), per_address=8), body_s=0.3) as port:
        yield port


async def answer_to(port: int, *pieces: bytes, pause: float = 0) -> bytes:
    """Send the pieces and return everything that comes until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(pause)
        async with asyncio.timeout(20):
            return await reader.read()
    except ConnectionError:
        return b"reset"
    finally:
        writer.close()


def code_of(answer: bytes) -> str:
    return json.loads(answer.partition(b"\r\n\r\n")[2])["code"]


GET = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def test_a_connection_that_sends_nothing_is_closed(port) -> None:
    assert await answer_to(port) == b""


@pytest.mark.parametrize("pieces", [[GET], [b"G"], [GET, *[b"X: y\r\n"] * 5], [b"\r\n"]])
async def test_a_head_must_come_in_time(port, pieces) -> None:
    answer = await answer_to(port, *pieces, pause=0.1)
    assert answer in {b"", b"reset"} or code_of(answer) == "request_too_slow"


async def test_the_next_head_on_a_connection_must_come_in_time_too(port) -> None:
    answer = await answer_to(port, GET + b"\r\n", b"GET / HT", pause=0.05)
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"request_too_slow" in answer


async def test_an_empty_line_does_not_hold_a_connection_open(port) -> None:
    assert (await answer_to(port, GET + b"\r\n", b"\r\n", pause=0.05)).startswith(b"HTTP/1.1 200")


LARGE = {
    "one header": GET + b"X: " + b"x" * 40_000 + b"\r\n\r\n",
    "an endless header": GET + b"X: " + b"x" * 8_000_000,
    "many headers": GET + b"".join(b"X-%d: y\r\n" % n for n in range(5_000)) + b"\r\n",
    "a long target": b"GET /" + b"x" * 40_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", LARGE)
async def test_a_large_head_is_refused(port, name) -> None:
    answer = await answer_to(port, LARGE[name])
    assert answer == b"reset" or code_of(answer) == "headers_too_large"


async def test_a_head_below_the_limit_is_served(port) -> None:
    answer = await answer_to(port, GET + b"X: " + b"x" * 30_000 + b"\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


async def test_trailers_are_bounded_too(port) -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
    answer = await answer_to(port, chunked + b"".join(b"X-%d: y\r\n" % n for n in range(9_000)))
    assert answer in {b"", b"reset"} or answer.startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("path", [b"/", b"/early"])
@pytest.mark.parametrize("more", [[], [b"x"] * 20])
async def test_a_body_must_come_in_time(port, path, more) -> None:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nabc"
    answer = await answer_to(port, head, *more, pause=0.05)
    assert answer == b"reset" or answer.startswith((b"HTTP/1.1 408", b"HTTP/1.1 200"))
    assert path == b"/early" or b"body_too_slow" in answer or answer == b"reset"


async def test_a_body_at_the_minimum_rate_is_read_to_its_end(port) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 655360\r\nConnection: close\r\n\r\n"
    answer = await answer_to(port, head, *[b"x" * 65_536] * 10, pause=0.1)
    assert b"\r\n655360\r\n" in answer


async def test_what_is_no_http_gets_a_code(port) -> None:
    assert code_of(await answer_to(port, b"\x16\x03\x01 hello\r\n\r\n")) == "malformed"


async def test_the_connections_of_an_address_are_limited() -> None:
    for trusted, total, code in (
        ("", 100, "too_many_connections"),
        ("127.0.0.1", 100, None),
        ("127.0.0.1", 3, "busy"),
    ):
        limits = ConnectionLimits(TrustedProxies(trusted), per_address=3, total=total)
        async with served(limits) as port:
            held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            await until(lambda limits=limits: limits._open.total() == 3)
            answer = await answer_to(port, GET + b"Connection: close\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200") if code is None else code_of(answer) == code
            held.pop()[1].close()
            await until(lambda limits=limits: limits._open.total() == 2)
            assert (await answer_to(port, GET + b"Connection: close\r\n\r\n")).startswith(b"HTTP/1.1 200")
            for _, writer in held:
                writer.close()
            await until(lambda limits=limits: not limits._open)
