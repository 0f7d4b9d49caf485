"""The instances used by the handlers of the system's own pages."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.http.client_address import TrustedProxies
from gateway.http.try_it import TryTokens
from gateway.system.static_site import Web


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemDependencies:
    """The instances of one application."""

    proxies: TrustedProxies
    web: Web
    try_tokens: TryTokens
