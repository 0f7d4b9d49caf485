"""The instances that handlers of the system's own pages work with."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.http.try_it import TryTokens
from gateway.system.static_site import Web


@dataclass(frozen=True, kw_only=True, slots=True)
class SystemDependencies:
    """Of one application."""

    web: Web
    try_tokens: TryTokens
