"""What the service answers. Partners, for admins: accounts that use the service over Kafka.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field


class PartnerTopics(Struct, frozen=True, kw_only=True):
    """The topic a partner writes to, and the one it reads from."""

    commands: str = ""
    events: str = ""


class Suspension(Struct, frozen=True, kw_only=True):
    """Why a partner is suspended, and what ends it."""

    reason: str = ""
    message: str = ""


class Partner(Struct, frozen=True, kw_only=True):
    """A partner; ``settled`` is false until Kafka matches ``state``.

    ``unreadable_records``: its records of the last hour that could not be decoded.
    """

    id: str
    account_id: str
    slug: str
    state: str
    settled: bool = False
    username: str
    topics: PartnerTopics
    group_prefix: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    deleted_at: datetime | None = None
    suspension: Suspension | None = None
    unreadable_records: int = 0


class PartnerPage(Struct, frozen=True, kw_only=True):
    """Partners, newest first; pass ``next_cursor`` as ``cursor`` for more. It is null on the last page."""

    items: list[Partner] = field(default_factory=list)
    next_cursor: str | None = None


class PartnerKafka(Struct, frozen=True, kw_only=True):
    """A partner's connection to Kafka. The password is shown only once."""

    bootstrap_servers: str = ""
    security_protocol: str = ""
    sasl_mechanism: str = ""
    username: str
    password: str


class NewPartner(Struct, frozen=True, kw_only=True):
    """Everything a partner's program needs; ids of its consumer groups must begin with ``group_prefix``."""

    id: str
    account_id: str
    slug: str
    state: str
    kafka: PartnerKafka
    topics: PartnerTopics
    group_prefix: str = ""
    asyncapi_url: str = ""
