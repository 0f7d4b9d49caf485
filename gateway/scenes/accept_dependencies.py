"""What taking a photo in needs, whichever door it came through: the API or a partner's topic."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import asyncpg

from bus.blobs import Blobs
from gateway.accounts.quotas import Quotas
from gateway.metrics import Metrics
from gateway.scenes.idempotency import Idempotency
from gateway.scenes.uploads import Uploads
from gateway.ssrf import Egress


class Means(Protocol):
    """`Intake` is one, and what the partners' role builds for itself (`gateway.partners.intake`) another."""

    @property
    def blobs(self) -> Blobs:
        """The object store."""

    @property
    def bucket(self) -> str:
        """Where objects are stored."""

    @property
    def decoders(self) -> ThreadPoolExecutor:
        """Threads that look at photos."""

    @property
    def fetch_seconds(self) -> float:
        """How long an ``image_url`` may take."""

    @property
    def images(self) -> Egress:
        """Which addresses a photo may be fetched from."""

    @property
    def outgoing(self) -> aiohttp.ClientSession:
        """The session that fetches."""

    @property
    def quotas(self) -> Quotas:
        """How much an account may have under way."""

    @property
    def uploads(self) -> Uploads:
        """Photos that were put into the store before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """The gateway's `Means`, and what only requests over HTTP need."""

    blobs: Blobs
    bucket: str
    decoders: ThreadPoolExecutor
    fetch_seconds: float
    images: Egress
    outgoing: aiohttp.ClientSession
    quotas: Quotas
    uploads: Uploads
    pool: asyncpg.Pool
    idempotency: Idempotency
    receivers: Egress
    metrics: Metrics
