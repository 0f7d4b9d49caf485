"""Partners: accounts that use the service over Kafka."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct


class PartnerKafka(Struct, frozen=True, kw_only=True):
    """How a partner reaches Kafka; ``password`` is shown only once."""

    bootstrap_servers: str
    security_protocol: str
    sasl_mechanism: str
    username: str
    password: str


class PartnerTopics(Struct, frozen=True, kw_only=True):
    """The topics that a partner writes and reads."""

    commands: str
    events: str


class NewPartner(Struct, frozen=True, kw_only=True):
    """All that a partner's program needs; its consumer groups begin with ``group_prefix``."""

    id: str
    account_id: str
    slug: str
    state: str
    kafka: PartnerKafka
    topics: PartnerTopics
    group_prefix: str
    asyncapi_url: str


class Suspension(Struct, frozen=True, kw_only=True):
    """Why a partner is suspended (``admin``, ``unreadable_records``), and what ends it."""

    reason: str
    message: str


class Partner(Struct, frozen=True, kw_only=True):
    """A partner; ``settled`` is false while Kafka does not match ``state`` yet.

    ``unreadable_records``: its records of the last hour that could not be decoded.
    """

    id: str
    account_id: str
    slug: str
    state: str
    settled: bool
    username: str
    topics: PartnerTopics
    group_prefix: str
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    suspension: Suspension | None = None
    unreadable_records: int = 0


class PartnerPage(Struct, frozen=True, kw_only=True):
    """Newest first; ``next_cursor`` None is the end."""

    items: list[Partner]
    next_cursor: str | None = None
