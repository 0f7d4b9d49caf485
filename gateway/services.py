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
from gateway.accounts.access_tokens import Tokens
from gateway.accounts.api_keys import Keys
from gateway.accounts.erasure import Erasing
from gateway.accounts.key_hashing import ApiKeys
from gateway.accounts.passwords import Passwords
from gateway.accounts.quotas import Quotas
from gateway.accounts.rate_limits import Limits
from gateway.accounts.refresh_tokens import Sessions
from gateway.accounts.repository import Accounts
from gateway.http.middleware import Metrics
from gateway.operations.blob_deletion import Removals
from gateway.operations.dead_letters import DeadLetterStore
from gateway.operations.invariants_cache import Books
from gateway.operations.orphan_objects import Orphans
from gateway.partners.lifecycle import Lifecycle
from gateway.partners.repository import PartnerStore
from gateway.scenes.cancel_delete import Removing
from gateway.scenes.exports import ExportStore
from gateway.scenes.idempotency import Idempotency
from gateway.scenes.queue_position import Backlog
from gateway.scenes.repository import Scenes
from gateway.scenes.shares import Shares
from gateway.scenes.upload_memory import Budget
from gateway.scenes.uploads import Uploads
from gateway.settings import Settings
from gateway.ssrf import Egress
from gateway.streaming.event_log import History
from gateway.streaming.event_tail import Tail
from gateway.streaming.hub import Hub
from gateway.streaming.supervisor import Vigil
from gateway.streaming.waiters import Waiters
from gateway.system.static_site import Web
from gateway.webhooks.account_secrets import AccountKeys
from gateway.webhooks.redelivery import Sending
from gateway.webhooks.repository import Webhooks


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
