"""Server-side request forgery guard: every request to an address that a customer gave goes through it.

A name is resolved when a connection is made, every address found is checked, and the connection uses only
one of those: a name that was harmless when it was checked may resolve to our own network later (DNS
rebinding). No redirects, no proxies from the environment, no cookies.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from bus.runtime.errors import SharpstreamError
from gateway import addresses
from gateway.addresses import Address, Kind
from gateway.errors import DomainError
from gateway.settings import Ports

MAX_URL: Final = 2048
_PORTS: Final = {"http": 80, "https": 443}


class AddressRefusedError(SharpstreamError):
    """The host's name resolves to an address that is not allowed; raised out of the request."""

    code = "url_refused"


def exact(url: str) -> URL:
    """Return the URL to request: exactly as it was written, without the fragment, which is never sent.

    Receivers sign what they were given; quoting it again in another spelling breaks their signatures.
    """
    return URL(url.partition("#")[0], encoded=True)


class SsrfGuard:
    """Checks addresses and ports.

    ``allow_private`` permits private networks and this machine, ``loopback_ports`` these ports of this
    machine alone. ``refused_ports``, those of our own servers here, are never permitted.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        loopback_ports: Ports = (),
        refused_ports: Ports = (),
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._private, self._resolver = allow_private, resolver
        self._loopback_ports, self._refused_ports = loopback_ports, refused_ports

    def check(self, url: str) -> None:
        """Raise `DomainError` url_refused for a URL that can be refused without resolving its host."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise DomainError("url_refused", "The URL cannot be read.") from None
        if parts.scheme not in {"http", "https"} or not host or len(url) > MAX_URL:
            raise DomainError("url_refused", f"Give an http or https URL of at most {MAX_URL} characters.")
        if parts.username is not None or parts.password is not None:
            raise DomainError("url_refused", "Leave user name and password out of the URL.")
        if not url.isascii() or any(letter <= " " or letter == "\x7f" for letter in url):
            raise DomainError("url_refused", "The URL must be ASCII without spaces; encode the rest.")
        literal = _literal(host)
        port = port or _PORTS[parts.scheme]
        if literal is not None and not self.allows(literal, port):
            raise DomainError("url_refused", "The URL leads to an address or a port that is not public.")

    def allows(self, address: Address, port: int) -> bool:
        """Return whether connections to the port of the address are allowed."""
        match addresses.kind(address):
            case Kind.PUBLIC:
                return True
            case Kind.PRIVATE:
                return self._private
            case Kind.LOOPBACK:
                wanted = self._private or _in(port, self._loopback_ports)
                return wanted and not _in(port, self._refused_ports)
            case _:
                return False

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
        if not self.allows(_address(where[0]), where[1]):
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
            if not self._egress.allows(_address(each["host"]), port):
                raise AddressRefusedError("The host's name leads to an address or a port that is not public.")
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


def _address(text: str) -> Address:
    return ipaddress.ip_address(text.partition("%")[0])  # an interface may stand behind it


def _in(port: int, ports: Ports) -> bool:
    return any(port in each for each in ports)
