"""Asks a server at the start of a role whether both sides agree about TLS.

Clients of Kafka and of the store retry whatever fails, which is right for a server that is away and hides a
wrong setting: the role would wait for ever. This finds the settings that no retry can help. A server that is
away, or slow, is none of them.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterable
from typing import Final

from bus.runtime import tls
from bus.runtime.tls import Keys

TIMEOUT_S: Final = 5.0
_ALERT: Final = b"\x15\x03"
"""How a TLS record begins that says what is wrong."""


def trouble(
    servers: Iterable[tuple[str, int]], context: ssl.SSLContext | None, hello: bytes, keys: Keys
) -> str | None:
    """Return a sentence where none of the servers that answer agrees; None where one does, or none answers.

    ``hello``: a request that every server of this kind answers. Blocks for `TIMEOUT_S` a server at most.
    """
    found: str | None = None
    for host, port in servers:
        try:
            connection = socket.create_connection((host, port), timeout=TIMEOUT_S)
        except OSError:
            continue
        with connection:
            said = _secured(connection, host, context, hello, keys) if context else None
            if context is None and _refuses_plain(connection, hello) and _speaks_tls(host, port):
                said = tls.wants_tls(keys)
        if said is None:
            return None
        found = said
    return found


def _secured(
    connection: socket.socket, host: str, context: ssl.SSLContext, hello: bytes, keys: Keys
) -> str | None:
    agreed = False
    try:
        with context.wrap_socket(connection, server_hostname=host) as secured:
            agreed = True
            secured.sendall(hello)
            return None if secured.recv(1) else tls.wants_certificate(keys)
    except (ConnectionError, ssl.SSLEOFError):  # a refusal may be lost with its connection
        return tls.wants_certificate(keys) if agreed else tls.no_tls(keys)
    except ssl.SSLError as error:  # with TLS 1.3 a client's certificate is refused after the handshake
        return tls.sentence(error, keys)
    except OSError:
        return None


def _refuses_plain(connection: socket.socket, hello: bytes) -> bool:
    """Return whether the server closes, sends an alert, or says in HTTP that it wants HTTPS."""
    try:
        connection.sendall(hello)
        said = connection.recv(1024)
    except ConnectionError:
        return True
    except OSError:
        return False
    return not said or said.startswith(_ALERT) or (b" 400 " in said[:16] and b"https" in said.lower())


def _speaks_tls(host: str, port: int) -> bool:
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname, asking.verify_mode = (
        False,
        ssl.CERT_NONE,
    )  # nothing is sent; whose it is matters not
    try:
        with (
            socket.create_connection((host, port), timeout=TIMEOUT_S) as connection,
            asking.wrap_socket(connection, server_hostname=host),
        ):
            return True
    except OSError:
        return False
