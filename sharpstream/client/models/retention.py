"""What the service answers. Retention: how long data are kept, and what was erased.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from datetime import date, datetime

from msgspec import Struct, field


class RetentionPolicy(Struct, frozen=True, kw_only=True):
    """Hours for which each kind is kept; null is for ever."""

    scenes_hours: int | None = None
    originals_hours: int | None = None
    results_hours: int | None = None
    exports_hours: int | None = None
    views_hours: int | None = None
    names_hours: int | None = None
    client_metadata_hours: int | None = None
    webhooks_hours: int | None = None
    idempotency_hours: int | None = None


class Retention(Struct, frozen=True, kw_only=True):
    """The policy that holds for the account, and the one that the installation has for all others."""

    policy: RetentionPolicy
    is_default: bool = False
    updated_at: datetime | None = None
    default: RetentionPolicy


class Erasure(Struct, frozen=True, kw_only=True):
    """How much of one kind retention erased on one day (UTC)."""

    id: str
    kind: str = ""
    day: date
    count: int = 0
    first_at: datetime
    last_at: datetime


class ErasurePage(Struct, frozen=True, kw_only=True):
    """Newest first; pass ``next_cursor`` as ``cursor`` for the next page; null means the last page."""

    items: list[Erasure] = field(default_factory=list)
    next_cursor: str | None = None
