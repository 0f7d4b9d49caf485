"""HTTP settings and the translation of errors, for both clients. Sends nothing."""

from __future__ import annotations

import ipaddress
import json
import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from httpx_sse import ServerSentEvent

from sharpstream.client.credentials import ApiKey, Credentials, Session
from sharpstream.client.errors import UNREACHABLE, ServiceError
from sharpstream.client.models import Event

STREAM: Final = {"Accept": "text/event-stream"}
STREAM_TIMEOUT: Final = httpx.Timeout(10, read=45)
"""A live stream sends a heartbeat every 15 s; after three missed ones the connection counts as dead."""
CHUNK: Final = 256 * 1024
_RENEWABLE: Final = frozenset({"token_expired", "token_invalid"})


def settings(url: str) -> dict[str, Any]:
    """Return httpx's keyword arguments. Loopback URLs bypass proxies, which cannot reach them.

    httpx then ignores ``SSL_CERT_FILE`` too, which names the authorities for a TLS proxy of one's own.
    """
    here, own = _is_here(url), os.environ.get("SSL_CERT_FILE")
    return {
        "verify": ssl.create_default_context(cafile=own) if here and own else True,
        "timeout": httpx.Timeout(75, connect=10),  # the service may hold an answer for 60 s on request
        "limits": httpx.Limits(max_connections=64),
        "trust_env": not here,
    }


def credentials(api_key: str | None, sign_in: Session | None) -> Credentials | None:
    """Return the given credentials. Raises `ValueError` where both are given."""
    if api_key is not None and sign_in is not None:
        raise ValueError("Give an API key or a sign-in, not both.")
    return sign_in if api_key is None else ApiKey(api_key)


def refused_token(error: ServiceError, headers: dict[str, str]) -> str | None:
    """Return the access token that must be renewed, if the error says so."""
    if error.code not in _RENEWABLE:
        return None
    return headers.get("Authorization", "").removeprefix("Bearer ") or None


@contextmanager
def translated(where: str, code: str = UNREACHABLE) -> Iterator[None]:
    """Turn what httpx raises into `ServiceError`."""
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise _unreachable(where, code, error, never_sent=True) from error
    except httpx.TransportError as error:
        raise _unreachable(where, code, error, never_sent=False) from error
    except httpx.InvalidURL as error:
        raise ServiceError("url_invalid", f"{where} is not a URL: {error}.") from error


def _unreachable(where: str, code: str, error: Exception, *, never_sent: bool) -> ServiceError:
    reason = str(error) or type(error).__name__
    return ServiceError(code, f"{where} cannot be reached ({reason}).", never_sent=never_sent)


def event_of(frame: ServerSentEvent, *, durable: bool) -> Event:
    """Return the event of a stream's frame; a ``durable`` one has a cursor. Raises `ServiceError`."""
    try:
        body = json.loads(frame.data)
        return Event(
            type=frame.event,
            time=str(body.get("time", "")),
            data=body.get("data") or {},
            id=str(body.get("id", "")),
            subject=str(body.get("subject", "")),
            source=str(body.get("source", "")),
            cursor=frame.id if durable else None,
        )
    except (ValueError, AttributeError) as error:
        raise ServiceError("answer_unreadable", "The service sent an event that is not JSON.") from error


def _is_here(url: str) -> bool:
    host = httpx.URL(url).host
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
