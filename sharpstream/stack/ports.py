"""Loopback ports: free ones are chosen once and then remembered."""

from __future__ import annotations

import asyncio
import random
import socket
from collections.abc import Collection
from typing import Final

from sharpstream.stack.errors import StackError

LOOPBACK: Final = "127.0.0.1"
# Below 32768, where Linux's ephemeral ports begin: a remembered port must not be in use as a client port at
# the next start.
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

    With ``companion`` the port that many numbers higher is free too.
    """
    for port in random.sample(_RANGE, k=200):
        if port not in taken and is_free(port) and (not companion or is_free(port + companion)):
            return port
    raise StackError(f"No free port between {_RANGE.start} and {_RANGE.stop}; stop some servers.")
