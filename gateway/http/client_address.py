"""The address that a request comes from, behind proxies that the operator has named.

Nobody else's ``X-Forwarded-For`` is believed: a caller could otherwise choose the address that its limits are
kept by. The header is read from the right, because each proxy appends the address that it saw.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

UNKNOWN: Final = "unknown"
MOST_HOPS: Final = 32
"""Entries read; a chain of proxies is shorter."""
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies:
    """The proxies of ``GATEWAY_TRUSTED_PROXIES``: addresses and networks, separated by commas."""

    def __init__(self, text: str) -> None:
        """Read the setting. Raises `ValueError` for a part that is neither."""
        self._networks = [
            ipaddress.ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip()
        ]

    def client_of(self, peer: str | None, forwarded: Iterable[bytes]) -> str:
        """Return the nearest address that is no trusted proxy; the last known one where the header ends."""
        address = _parsed(peer or "")
        if address is None:
            return UNKNOWN
        hops = b",".join(forwarded).decode("latin-1").split(",")[-MOST_HOPS:]
        for hop in reversed(hops):
            if not self._trusts(address):
                break
            before = _parsed(hop)
            if before is None:
                break  # not written by a proxy of ours, or nothing is left
            address = before
        return str(address)

    def trusts(self, host: str) -> bool:
        """Return whether the host is a trusted proxy."""
        address = _parsed(host)
        return address is not None and self._trusts(address)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


class FromProxies:
    """ASGI layer that replaces the connection's peer by the client's address."""

    def __init__(self, app: ASGIApp, proxies: Callable[[], TrustedProxies]) -> None:
        self._app, self._proxies = app, proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == ScopeType.HTTP:
            peer = scope["client"]
            forwarded = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            host = self._proxies().client_of(peer[0] if peer else None, forwarded)
            scope["client"] = (host, peer[1] if peer and not forwarded else 0)
        await self._app(scope, receive, send)


def subject_of(client: object) -> str:
    """Return what limits are kept by: an IPv4 address, or the /64 of an IPv6 address, which is one customer.

    ``client``: as ``request.client``, whose host `FromProxies` has set.
    """
    return address_subject(str(getattr(client, "host", None) or UNKNOWN))


def address_subject(host: str) -> str:
    """Return the same of an address as text."""
    address = _parsed(host)
    if address is None:
        return UNKNOWN
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


def _parsed(text: str) -> Address | None:
    """Return the address in one entry: bare, with a port, in brackets, with a zone, or IPv4 within IPv6."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
