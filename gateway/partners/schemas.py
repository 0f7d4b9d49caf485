"""Partners: who speaks to us over Kafka itself."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from gateway.accounts.schemas import RegisterIn
from gateway.http.fields import Id, Moment

Slug = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$",
        description="1 to 40 lower-case letters, digits and inner hyphens; part of every name in Kafka",
        examples=["acme"],
    ),
]
State = Annotated[str, Meta(pattern="^(creating|active|suspended|deleting|deleted)$", examples=["active"])]


class PartnerIn(Struct, frozen=True, kw_only=True):
    """A new partner: of an account that exists (``account_id``), or of one made with it (``account``)."""

    slug: Slug
    account_id: Id | None = None
    account: RegisterIn | None = None


class PartnerKafka(Struct, frozen=True, kw_only=True):
    """How a partner reaches Kafka. The password is shown this once."""

    bootstrap_servers: Annotated[str, Meta(examples=["kafka.example.com:9094"])]
    security_protocol: Annotated[str, Meta(examples=["SASL_SSL"])]
    sasl_mechanism: Annotated[str, Meta(examples=["SCRAM-SHA-512"])]
    username: Annotated[str, Meta(examples=["partner.acme"])]
    password: str


class PartnerTopics(Struct, frozen=True, kw_only=True):
    """Where a partner writes, and where it reads."""

    commands: Annotated[str, Meta(examples=["partner.acme.commands.v1"])]
    events: Annotated[str, Meta(examples=["partner.acme.events.v1"])]


class PartnerOpened(Struct, frozen=True, kw_only=True):
    """All that a partner's program needs; ``group_prefix`` is how its consumer groups must begin."""

    id: Id
    account_id: Id
    slug: Slug
    state: State
    kafka: PartnerKafka
    topics: PartnerTopics
    group_prefix: Annotated[str, Meta(examples=["partner.acme."])]
    asyncapi_url: Annotated[str, Meta(examples=["https://api.example.com/api/v1/asyncapi/partners"])]


class PartnerOut(Struct, frozen=True, kw_only=True):
    """A partner; ``settled`` is false while Kafka is still being brought in line with ``state``."""

    id: Id
    account_id: Id
    slug: Slug
    state: State
    settled: bool
    username: Annotated[str, Meta(examples=["partner.acme"])]
    topics: PartnerTopics
    group_prefix: Annotated[str, Meta(examples=["partner.acme."])]
    created_at: Moment
    updated_at: Moment
    deleted_at: Moment | None


class PartnerPage(Struct, frozen=True, kw_only=True):
    """Newest first; pass ``next_cursor`` as ``cursor`` for more, null is the end."""

    items: list[PartnerOut]
    next_cursor: str | None
