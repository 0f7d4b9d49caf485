"""The one guard for everything that goes out to an address that a customer gave.

What a name means is looked up when a connection is made, every address found is judged, and the connection
goes to one of those and to no other: a name that meant something harmless when it was checked may not mean
our own network now. No redirects, no proxies from the environment, no cookies.
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
    """The host's name leads to an address that may not be reached; raised out of the request."""

    code = "url_refused"


class SsrfGuard:
    """Judges addresses; ``allow_private`` lets private networks in, ``allow_loopback`` this machine alone."""

    def __init__(
        self, *, allow_private: bool, allow_loopback: bool = False, resolver: AbstractResolver | None = None
    ) -> None:
        self._private, self._loopback, self._resolver = allow_private, allow_loopback, resolver

    def check(self, url: str) -> None:
        """Raise `DomainError` url_refused for an address that is wrong without a look-up."""
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
        """Tell whether a connection may go there."""
        address = _plain(address)
        if address.is_multicast or address.is_unspecified or address.is_reserved or address.is_link_local:
            return False  # also not with allow_private: there live the metadata services of clouds
        if address.is_loopback:
            return self._loopback or self._private
        return self._private or (address.is_global and address not in _CARRIER)

    def session(self, *, connect_s: float, total_s: float) -> aiohttp.ClientSession:
        """Return a session whose connections go to allowed addresses alone; call within a running loop.

        Requests raise `AddressRefusedError` besides aiohttp's own errors; pass ``allow_redirects=False``.
        """
        connector = aiohttp.TCPConnector(
            resolver=_Judging(self, self._resolver or ThreadedResolver()),
            socket_factory=self._socket,
            use_dns_cache=False,
            limit=0,  # whoever uses it bounds what is under way
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=total_s, connect=connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    def _socket(self, info: Any) -> socket.socket:
        """Make the socket of one connection: literal addresses in a URL come here without a look-up."""
        family, kind, protocol, _, where = info
        if not self.allows(ipaddress.ip_address(where[0].partition("%")[0])):
            raise OSError("address refused")
        return socket.socket(family=family, type=kind, proto=protocol)


class _Judging(AbstractResolver):
    """Looks a name up and refuses it as a whole where any of its addresses is refused."""

    def __init__(self, egress: SsrfGuard, resolver: AbstractResolver) -> None:
        self._egress, self._resolver = egress, resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses, all allowed."""
        found = await self._resolver.resolve(host, port, family)
        for each in found:
            if not self._egress.allows(ipaddress.ip_address(each["host"].partition("%")[0])):
                raise AddressRefusedError("The host's name leads to an address that is not public.")
        return found

    async def close(self) -> None:
        """Close the resolver."""
        await self._resolver.close()


def _literal(host: str) -> Address | None:
    """Return the address that a host is, also in the spellings that resolvers take: 127.1, 0x7f000001."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def _plain(address: Address) -> Address:
    """Return the IPv4 address within an IPv6 one, where there is one."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        return inner or address
    return address
