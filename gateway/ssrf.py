"""Server-side request forgery guard: every request to an address that a customer gave goes through it.

A name is resolved when a connection is made, every address found is checked, and the connection uses only
one of those: a name that was harmless when it was checked may resolve to our own network later (DNS
rebinding). No redirects, no proxies from the environment, no cookies.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from bus.runtime.errors import SharpstreamError
from gateway.errors import DomainError

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
MAX_URL: Final = 2048
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_CARRIER: Final = ipaddress.IPv4Network("100.64.0.0/10")


class AddressRefusedError(SharpstreamError):
    """The host's name resolves to an address that is not allowed; raised out of the request."""

    code = "url_refused"


class SsrfGuard:
    """Checks addresses; ``allow_private`` permits private networks, ``allow_loopback`` this machine alone."""

    def __init__(
        self, *, allow_private: bool, allow_loopback: bool = False, resolver: AbstractResolver | None = None
    ) -> None:
        self._private, self._loopback, self._resolver = allow_private, allow_loopback, resolver

    def check(self, url: str) -> None:
        """Raise `DomainError` url_refused for a URL that can be refused without resolving its host."""
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise DomainError("url_refused", "The URL cannot be read.") from None
        if parts.scheme not in {"http", "https"} or not host or len(url) > MAX_URL:
            raise DomainError("url_refused", f"Give an http or https URL of at most {MAX_URL} characters.")
        if parts.username is not None or parts.password is not None:
            raise DomainError("url_refused", "Leave user name and password out of the URL.")
        if not url.isascii() or any(letter <= " " for letter in url):
            raise DomainError("url_refused", "The URL must be ASCII without spaces; encode the rest.")
        literal = _literal(host)
        if literal is not None and not self.allows(literal):
            raise DomainError("url_refused", "The URL leads to an address that is not public.")

    def allows(self, address: Address) -> bool:
        """Return whether connections to the address are allowed."""
        address = _plain(address)
        if address.is_multicast or address.is_unspecified or address.is_reserved or address.is_link_local:
            return False  # also with allow_private: link-local has the clouds' metadata services
        if address.is_loopback:
            return self._loopback or self._private
        return self._private or (address.is_global and address not in _CARRIER)

    def session(self, *, connect_s: float, total_s: float) -> aiohttp.ClientSession:
        """Return a session that connects to allowed addresses only; call it within a running loop.

        Requests raise `AddressRefusedError` besides aiohttp's own errors; pass ``allow_redirects=False``.
        """
        connector = aiohttp.TCPConnector(
            resolver=_Judging(self, self._resolver or ThreadedResolver()),
            socket_factory=self._socket,
            use_dns_cache=False,
            limit=0,  # the caller bounds the requests in flight
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=total_s, connect=connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    def _socket(self, info: Any) -> socket.socket:
        """Make the socket of one connection; literal addresses in a URL arrive here unresolved."""
        family, kind, protocol, _, where = info
        if not self.allows(ipaddress.ip_address(where[0].partition("%")[0])):
            raise OSError("address refused")
        return socket.socket(family=family, type=kind, proto=protocol)


class _Judging(AbstractResolver):
    """Resolves a name and refuses it as a whole if any of its addresses is refused."""

    def __init__(self, egress: SsrfGuard, resolver: AbstractResolver) -> None:
        self._egress, self._resolver = egress, resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses, all of them allowed. Raises `AddressRefusedError`."""
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            if not self._egress.allows(ipaddress.ip_address(each["host"].partition("%")[0])):
                raise AddressRefusedError("The host's name leads to an address that is not public.")
        return found

    async def close(self) -> None:
        """Close the resolver."""
        await self._resolver.close()


def _literal(host: str) -> Address | None:
    """Return the IP address that a host spells, also in forms that resolvers accept: 127.1, 0x7f000001."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _plain(address: Address) -> Address:
    """Return the IPv4 address embedded in an IPv6 address, or else the address itself."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address
