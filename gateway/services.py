"""What handlers work with: built once by the composition root, closed with the application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import aiohttp
import asyncpg
from litestar.datastructures import State
from litestar.di import NamedDependency

from bus.blobs import Blobs
from gateway.apikeys import ApiKeys
from gateway.backlog import Backlog
from gateway.books import Books
from gateway.budget import Budget
from gateway.egress import Egress
from gateway.hub import Hub
from gateway.idempotency import Idempotency
from gateway.limits import Limits
from gateway.observe import Metrics
from gateway.orphans import Orphans
from gateway.partners.lifecycle import Lifecycle
from gateway.passwords import Passwords
from gateway.removals import Removals
from gateway.settings import Settings
from gateway.store.accounts import Accounts
from gateway.store.dead_letters import DeadLetterStore
from gateway.store.erasing import Erasing
from gateway.store.exports import ExportStore
from gateway.store.history import History
from gateway.store.keys import Keys
from gateway.store.partners import PartnerStore
from gateway.store.quotas import Quotas
from gateway.store.removing import Removing
from gateway.store.scenes import Scenes
from gateway.store.sending import Sending
from gateway.store.sessions import Sessions
from gateway.store.shares import Shares
from gateway.store.uploads import Uploads
from gateway.store.webhooks import Webhooks
from gateway.tail import Tail
from gateway.tokens import Tokens
from gateway.vigil import Vigil
from gateway.waiters import Waiters
from gateway.web import Web
from gateway.webhooks.keys import AccountKeys


@dataclass(frozen=True, kw_only=True, slots=True)
class Services:
    """Everything of one application; no globals."""

    settings: Settings
    pool: asyncpg.Pool
    blobs: Blobs
    check_blobs: Callable[[], Awaitable[None]]
    accounts: Accounts
    sessions: Sessions
    erasing: Erasing
    receivers: Egress
    webhooks: Webhooks
    sending: Sending
    account_keys: AccountKeys
    keys: Keys
    scenes: Scenes
    dead_letters: DeadLetterStore
    partners: PartnerStore
    lifecycle: Lifecycle
    removing: Removing
    exports: ExportStore
    shares: Shares
    uploads: Uploads
    idempotency: Idempotency
    quotas: Quotas
    limits: Limits
    budget: Budget
    images: Egress
    outgoing: aiohttp.ClientSession
    removals: Removals
    orphans: Orphans
    backlog: Backlog
    books: Books
    waiters: Waiters
    history: History
    passwords: Passwords
    tokens: Tokens
    api_keys: ApiKeys
    decoders: ThreadPoolExecutor
    hub: Hub
    tail: Tail
    vigil: Vigil
    metrics: Metrics
    web: Web

    @property
    def bucket(self) -> str:
        """Where objects are stored."""
        return self.settings.s3.bucket

    @property
    def fetch_seconds(self) -> float:
        """How long an ``image_url`` may take."""
        return self.settings.gateway.fetch_seconds


def of_state(state: State) -> Services:
    """Return the services; Litestar's dependency ``services``."""
    services: Services = state["services"]
    return services


Using: TypeAlias = NamedDependency[Services]
"""How a handler asks for them."""
