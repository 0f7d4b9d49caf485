"""Which addresses are public, and which no customer may name: a table of our own.

`ipaddress` answers differently from one Python to the next (192.0.0.0/24 counted as global before 3.11.10),
and takes site-local addresses for global. Sources: IANA's special-purpose registries for IPv4 and IPv6, and
the clouds' metadata services.
"""

from __future__ import annotations

import ipaddress
from enum import Enum
from typing import Final, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


class Kind(Enum):
    """What an address is to a server that connects to it for a stranger."""

    PUBLIC = "public"
    LOOPBACK = "loopback"
    """This machine."""
    PRIVATE = "private"
    """A network behind a router, which an operator may open."""
    REFUSED = "refused"
    """Never a receiver: multicast, documentation, tunnels, link-local, where metadata services are."""


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


_LOOPBACK: Final = _networks("127.0.0.0/8", "::1/128")
_METADATA: Final = _networks(
    "100.100.100.200/32",  # one cloud's, in the carriers' range
    "fd00:ec2::/32",  # and two in the private range of IPv6
    "fd20:ce::/32",
)
_PRIVATE: Final = _networks(
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "100.64.0.0/10",  # carriers' own
    "198.18.0.0/15",  # benchmarks; some proxies give these to names
    "fc00::/7",
)
_REFUSED: Final = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",  # link-local: metadata services
    "192.0.0.0/24",  # protocols' own, and a metadata service
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # relays of 6to4, retired
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, and broadcast
    "2001::/23",  # protocols' own: Teredo, benchmarks, ORCHID
    "2001:db8::/32",  # documentation
    "2002::/16",  # 6to4, retired: it leads to any IPv4 address
    "3fff::/20",  # documentation
)
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""The only part of IPv6 that is given out."""
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""Networks without IPv4 reach it through these; each embeds an IPv4 address."""


def kind(address: Address) -> Kind:
    """Return what an address is; one that embeds an IPv4 address is what that is."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return kind(inner)
    if _within(address, _LOOPBACK):
        return Kind.LOOPBACK
    if _within(address, _METADATA) or _within(address, _REFUSED):
        return Kind.REFUSED
    if _within(address, _PRIVATE):
        return Kind.PRIVATE
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST:
        return Kind.REFUSED
    return Kind.PUBLIC


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
