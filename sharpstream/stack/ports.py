"""Loopback ports: free ones are chosen once and then remembered."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from collections.abc import Collection
from typing import Final

from sharpstream.stack.errors import StackError

LOOPBACK: Final = "127.0.0.1"
RANGE_KEY: Final = "SHARPSTREAM_PORTS"
"""The environment variable with the ports to choose from, such as ``20000-31999``."""
_EPHEMERAL: Final = 32_768
"""Where Linux's ephemeral ports begin: a remembered port above it may be a client's at the next start."""
_RANGE: Final = range(20_000, 32_000)


def is_free(port: int) -> bool:
    """Return whether the port can be bound. Closed connections that still linger do not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


async def answers(port: int) -> bool:
    """Return whether a process accepts connections there."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


def choose(taken: Collection[int] = (), *, companion: int = 0) -> int:
    """Return a free port outside ``taken``, at random, so that stacks started together seldom collide.

    With ``companion`` the port that many numbers higher is free too, not in ``taken``, and where the range
    permits it no ephemeral one.
    """
    allowed = _allowed()
    lasting = [port for port in allowed if port + companion < _EPHEMERAL] or allowed
    for port in random.sample(lasting, k=len(lasting)):
        wanted = {port, port + companion}
        if wanted.isdisjoint(taken) and all(is_free(each) for each in wanted):
            return port
    raise StackError(f"No free port from {allowed.start} to {allowed.stop - 1}; stop some servers.")


def _allowed() -> range:
    """Return the ports to choose from. Raises `StackError`."""
    if not (text := os.environ.get(RANGE_KEY)):
        return _RANGE
    first, dash, last = text.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and 0 < int(first) <= int(last) < 65536):
        raise StackError(f"{RANGE_KEY} is {text!r}; give two ports, the lower one first: 20000-31999.")
    return range(int(first), int(last) + 1)
