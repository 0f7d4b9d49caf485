"""What the service answers. Records: events, usage, and for admins the invariants and the dead letters.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from msgspec import Struct, field


class UsageTotal(Struct, frozen=True, kw_only=True):
    """How often something happened on a day (UTC).

    Grouped by key, ``api_key_id`` is null for what a signed-in person did; otherwise it is always null.
    """

    day: date
    event_type: str = ""
    count: int = 0
    api_key_id: str | None = None


class Usage(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Totals by day and kind, from ``from`` (inclusive) to ``to`` (exclusive)."""

    from_: datetime
    to: datetime
    totals: list[UsageTotal] = field(default_factory=list)


class UsageRow(Struct, frozen=True, kw_only=True):
    """One counted event; ``event_id`` is its id in GET /events."""

    id: str
    event_id: str
    event_type: str = ""
    api_key_id: str | None = None
    created_at: datetime | None = None
    details: dict[str, Any] = field(default_factory=dict)


class UsagePage(Struct, frozen=True, kw_only=True):
    """One page, newest first; ``next_cursor`` is null on the last page."""

    items: list[UsageRow] = field(default_factory=list)
    next_cursor: str | None = None


class AccountTotal(UsageTotal, frozen=True, kw_only=True):
    """How often something happened on a day (UTC); ids are null unless grouped by them."""

    account_id: str | None = None


class EverybodysUsage(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Totals of one account or of all, from ``from`` (inclusive) to ``to`` (exclusive)."""

    from_: datetime
    to: datetime
    totals: list[AccountTotal] = field(default_factory=list)


class Invariant(Struct, frozen=True, kw_only=True):
    """One invariant: the ``count`` of exceptions, the first of their ids, and what to do about them."""

    rule: str = ""
    holds: bool = False
    count: int = 0
    ids: list[str] = field(default_factory=list)
    remedy: str | None = None


class Invariants(Struct, frozen=True, kw_only=True):
    """All rules as of ``checked_at``, which is up to a minute ago."""

    holds: bool = False
    checked_at: datetime
    rules: list[Invariant] = field(default_factory=list)


class Waiting(Struct, frozen=True, kw_only=True):
    """Jobs that wait and that are at work; ``oldest``: when the one that waits longest was asked for."""

    priority: str = ""
    waiting: int = 0
    processing: int = 0
    oldest: datetime | None = None


class AccountQueue(Struct, frozen=True, kw_only=True):
    """Generations in flight of an account; ``held``: those of its bulk ones that wait for its others."""

    account_id: str
    email: str
    interactive: int = 0
    bulk: int = 0
    held: int = 0
    oldest: datetime


class ModelUse(Struct, frozen=True, kw_only=True):
    """What made scenes in the last hour, of the last 500."""

    name: str | None = None
    device: str | None = None
    scenes: int = 0
    last_at: datetime


class QueueState(Struct, frozen=True, kw_only=True):
    """The queue at one time. ``workers``: the names of those that live; null while Kafka does not answer.

    ``accounts``: the 20 with most in flight.
    """

    at: datetime
    waiting: list[Waiting] = field(default_factory=list)
    accounts: list[AccountQueue] = field(default_factory=list)
    workers: list[str] | None = field(default_factory=list)
    models: list[ModelUse] = field(default_factory=list)


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A job that failed after its last attempt. ``subject`` is its generation or export, where readable."""

    id: str
    topic: str = ""
    subject: str | None = None
    account_id: str | None = None
    code: str
    reason: str = ""
    attempts: int = 0
    state: str
    dead_at: datetime
    settled_at: datetime | None = None
    settled_by: str | None = None
    redriven_as: str | None = None


class DeadLetterPage(Struct, frozen=True, kw_only=True):
    """One page, newest first; pass ``next_cursor`` as ``cursor`` for the next page, null is the end."""

    items: list[DeadLetter] = field(default_factory=list)
    next_cursor: str | None = None


class DeadLetterWithCommand(DeadLetter, frozen=True, kw_only=True):
    """A dead letter with its position in Kafka and its command, null where the bytes are not JSON."""

    origin_topic: str | None = None
    partition: int = 0
    offset: int = 0
    command: Any = None


class Redriven(Struct, frozen=True, kw_only=True):
    """The new job that repeats the dead one."""

    redriven_as: str = ""
    message: str = ""


class AdminAct(Struct, frozen=True, kw_only=True):
    """An act. ``actor`` is the admin's account, null for a command of the operator; nothing else is kept."""

    id: str
    at: datetime
    actor: str | None = None
    action: str = ""
    target: str | None = None
    details: dict[str, Any] = field(default_factory=dict)


class AdminActPage(Struct, frozen=True, kw_only=True):
    """One page, newest first; pass ``next_cursor`` as ``cursor`` for the next page, null is the end."""

    items: list[AdminAct] = field(default_factory=list)
    next_cursor: str | None = None
