"""What handlers work with: built once by the composition root, closed with the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import asyncpg
from litestar.datastructures import State
from litestar.di import NamedDependency

from bus.blobs import Blobs
from gateway.apikeys import ApiKeys
from gateway.hub import Hub
from gateway.observe import Metrics
from gateway.passwords import Passwords
from gateway.settings import Settings
from gateway.store.accounts import Accounts
from gateway.store.history import History
from gateway.store.keys import Keys
from gateway.store.scenes import Scenes
from gateway.tail import Tail
from gateway.tokens import Tokens


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Everything of one application; no globals."""

    settings: Settings
    pool: asyncpg.Pool
    blobs: Blobs
    check_blobs: Callable[[], Awaitable[None]]
    accounts: Accounts
    keys: Keys
    scenes: Scenes
    history: History
    passwords: Passwords
    tokens: Tokens
    api_keys: ApiKeys
    decoders: ThreadPoolExecutor
    hub: Hub
    tail: Tail
    metrics: Metrics


def of_state(state: State) -> Services:
    """Return the services; Litestar's dependency ``services``."""
    services: Services = state["services"]
    return services


Using: TypeAlias = NamedDependency[Services]
"""How a handler asks for them."""
