"""Carries requests to the supervisor: a Unix socket in the home, one JSON object per line.

The folder's mode keeps other users out; the socket has no other protection.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

from sharpstream.stack.errors import StackError
from sharpstream.stack.state_dir import Home

Answer = Callable[[dict[str, Any]], AsyncIterator[dict[str, Any]]]
"""Turns a request into any number of replies."""
_NAME: Final = "control"
_LAST_WORDS_S: Final = 5


@contextmanager
def _address(home: Home) -> Iterator[str]:
    """Yield a short path to the socket: an address is limited to 107 bytes, a home's path is not."""
    folder = os.open(home.run, os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{_NAME}"
    finally:
        os.close(folder)


@asynccontextmanager
async def listen(home: Home, answer: Answer) -> AsyncIterator[None]:
    """Serve requests while the block runs."""
    talks: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.create_task(_serve(reader, writer, answer))
        talks.add(talk)
        talk.add_done_callback(talks.discard)

    with _address(home) as address:
        server = await asyncio.start_unix_server(accept, address)
    async with server:
        yield
    if talks:  # the last replies; slow clients are not waited for
        await asyncio.wait(talks, timeout=_LAST_WORDS_S)


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer) -> None:
    try:
        async for reply in answer(json.loads(await reader.readline())):
            writer.write(json.dumps(reply).encode() + b"\n")
            await writer.drain()
    except StackError as error:
        writer.write(json.dumps({"error": error.message}).encode() + b"\n")
    except (ConnectionError, ValueError):
        pass  # the client has disconnected, or did not send JSON
    finally:
        writer.close()


def ask(home: Home, **request: Any) -> Iterator[dict[str, Any]]:
    """Send a request and yield the replies.

    Raises `ConnectionError` or `FileNotFoundError` when no supervisor listens, `StackError` for its refusal.
    """
    with socket.socket(socket.AF_UNIX) as connection:
        with _address(home) as address:
            connection.connect(address)
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as replies:
            for line in replies:
                reply = json.loads(line)
                if "error" in reply:
                    raise StackError(reply["error"])
                yield reply
