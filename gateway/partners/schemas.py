"""Request and response bodies of partners."""

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
    """A new partner, of an existing account (``account_id``) or of one created with it (``account``)."""

    slug: Slug
    account_id: Id | None = None
    account: RegisterIn | None = None


class PartnerKafka(Struct, frozen=True, kw_only=True):
    """A partner's connection to Kafka. The password is shown only once."""

    bootstrap_servers: Annotated[str, Meta(examples=["kafka.example.com:9094"])]
    security_protocol: Annotated[str, Meta(examples=["SASL_SSL"])]
    sasl_mechanism: Annotated[str, Meta(examples=["SCRAM-SHA-512"])]
    username: Annotated[str, Meta(examples=["partner.acme"])]
    password: str


class PartnerTopics(Struct, frozen=True, kw_only=True):
    """The topic a partner writes to, and the one it reads from."""

    commands: Annotated[str, Meta(examples=["partner.acme.commands.v1"])]
    events: Annotated[str, Meta(examples=["partner.acme.events.v1"])]


class PartnerOpened(Struct, frozen=True, kw_only=True):
    """Everything a partner's program needs; ids of its consumer groups must begin with ``group_prefix``."""

    id: Id
    account_id: Id
    slug: Slug
    state: State
    kafka: PartnerKafka
    topics: PartnerTopics
    group_prefix: Annotated[str, Meta(examples=["partner.acme."])]
    asyncapi_url: Annotated[str, Meta(examples=["https://api.example.com/api/v1/asyncapi/partners"])]


class Suspension(Struct, frozen=True, kw_only=True):
    """Why a partner is suspended, and what ends it."""

    reason: Annotated[
        str,
        Meta(
            pattern="^(admin|unreadable_records|consumer_groups)$",
            description="`unreadable_records`: too many of its records could not be decoded;"
            " `consumer_groups`: it has too many of them",
            examples=["unreadable_records"],
        ),
    ]
    message: str


class PartnerOut(Struct, frozen=True, kw_only=True):
    """A partner; ``settled`` is false until Kafka matches ``state``.

    ``unreadable_records``: its records of the last hour that could not be decoded.
    """

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
    suspension: Suspension | None
    unreadable_records: int


class PartnerPage(Struct, frozen=True, kw_only=True):
    """Partners, newest first; pass ``next_cursor`` as ``cursor`` for more. It is null on the last page."""

    items: list[PartnerOut]
    next_cursor: str | None
