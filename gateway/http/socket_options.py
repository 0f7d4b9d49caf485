"""Kernel options for clients' connections, thousands of which stay open for live streams."""

from __future__ import annotations

import resource
import socket
from typing import Final

from bus.runtime.errors import ConfigurationError

BACKLOG: Final = 4096
"""Connections that may wait to be accepted: after a restart all streams reconnect within seconds."""
DESCRIPTORS: Final = 16
"""Of the listening socket. uvloop accepts one connection of each a turn of its loop, and a busy turn
takes 2 ms: with one, a client behind 1,000 connections that say nothing would wait 2 s."""
FILES: Final = 65_536
"""Open files wanted at most; each stream is one. A shell's usual limit is 1,024."""
SEND_BUFFER_BYTES: Final = 128 * 1024
"""The kernel's buffer of one connection, which would otherwise grow to megabytes for a slow reader. Responses
are small JSON; photos and splats bypass this server."""
UNTAKEN_S: Final = 30
"""The kernel closes a connection whose peer has not acknowledged sent data for this long."""


def listening(host: str, port: int) -> socket.socket:
    """Return a socket that accepts connections there. Raises `ConfigurationError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return _bounded(socket.create_server((host, port), family=family, backlog=BACKLOG))
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} of {host} cannot be used: {error.strerror}. Stop what uses it, or set GATEWAY_PORT"
            " or GATEWAY_HOST to another."
        ) from error


def descriptors(listening: socket.socket) -> list[socket.socket]:
    """Return the socket and further descriptors of it, to be served all."""
    return [listening, *(listening.dup() for _ in range(DESCRIPTORS - 1))]


def _bounded(listening: socket.socket) -> socket.socket:
    """Set the options that accepted connections inherit, and return the socket."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNTAKEN_S * 1000)
    return listening


def allow_many() -> None:
    """Raise the process's limit of open files as far as it is permitted."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(hard, FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
