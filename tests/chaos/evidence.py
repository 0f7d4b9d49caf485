"""The evidence that `check.judge` takes: everything as found at its source, nothing removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from tests.chaos.receiver import Delivery


class LoggedEvent(NamedTuple):
    """One record of the log in Kafka."""

    event_id: str
    type: str
    subject: str
    account_id: str
    data: bytes = b""
    """The value, byte for byte."""


class Sent(NamedTuple):
    """A partner's command in its topic, possibly more than once."""

    ce_id: str
    position: tuple[int, int]
    """Partition and offset."""


class Heard(NamedTuple):
    """One record of a partner's events topic."""

    offset: int
    event_id: str
    type: str
    command: str
    """The ``ce_id`` of the command that led to it; empty where none did."""
    generation: str
    code: str
    data: bytes
    """The event's own data, out of the middle of the value, byte for byte."""
    digest: str
    """Of the whole value."""


@dataclass(kw_only=True)
class PartnerEvidence:
    """A partner's two topics, and what its program recorded."""

    account: str = ""
    good: dict[str, bool] = field(default_factory=dict)
    """``ce_id`` of every command that was ever handed to the client -> whether it asks for a scene."""
    acknowledged: set[str] = field(default_factory=set)
    """Commands that Kafka acknowledged."""
    commands: list[Sent] = field(default_factory=list)
    events: list[Heard] = field(default_factory=list)
    seen: list[tuple[int, str]] = field(default_factory=list)
    """Offset and digest of each record that a reader read during the faults, in its order."""


class Result(NamedTuple):
    """A stored result, as its event describes it and as the store has it."""

    key: str
    expected: str
    found: str | None
    """The sha256 of the object; None where there is none."""


@dataclass(kw_only=True)
class Evidence:
    """Everything found once the system was idle."""

    accepted: set[str] = field(default_factory=set)
    """Generations that a 202 promised."""
    accepted_exports: set[str] = field(default_factory=set)
    log: list[LoggedEvent] = field(default_factory=list)
    scenes: dict[str, str] = field(default_factory=dict)
    """Id -> status, of every row."""
    exports: dict[str, str] = field(default_factory=dict)
    opened: set[str] = field(default_factory=set)
    """Completed scenes that were opened: they have two views each."""
    views: dict[str, str] = field(default_factory=dict)
    """The system's own exports, which the log of record does not know."""
    view_log: list[LoggedEvent] = field(default_factory=list)
    usage: list[str] = field(default_factory=list)
    """The event id of every usage row."""
    event_log: list[str] = field(default_factory=list)
    """The event id of every row of the ledger's log."""
    endpoint_account: str = ""
    with_webhook: set[str] = field(default_factory=set)
    deliveries: list[Delivery] = field(default_factory=list)
    waiting: dict[str, int] = field(default_factory=dict)
    """Name of what should be empty when idle -> number of entries."""
    objects: set[str] = field(default_factory=set)
    """Keys in the blob store."""
    named: set[str] = field(default_factory=set)
    """Keys that rows name."""
    invariants: list[str] = field(default_factory=list)
    """Broken invariants, as ``/health/invariants`` reports them."""
    differences: int = 0
    """Number of rows that differ from a rebuild from the log."""
    dead: set[str] = field(default_factory=set)
    """Jobs with a dead letter, which failed for a transient reason."""
    unreadable: set[str] = field(default_factory=set)
    """Generations with an unreadable photo, which have to fail."""
    results: list[Result] = field(default_factory=list)
    partner: PartnerEvidence = field(default_factory=PartnerEvidence)


class Fault(NamedTuple):
    """A broken guarantee: ``kind`` is lost, twice, stuck, leaked or wrong."""

    kind: str
    what: str
