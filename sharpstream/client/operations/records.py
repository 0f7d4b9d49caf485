"""Records: pages of events, usage, and for admins the invariants and the dead letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sharpstream.client.models import (
    DeadLetterPage,
    DeadLetterWithCommand,
    EventPage,
    EverybodysUsage,
    Invariants,
    Redriven,
    Usage,
    UsagePage,
)
from sharpstream.client.request import API, Call

Moment = datetime | str | None


def events(
    *, after: str | None = None, types: Sequence[str] | None = None, limit: int = 100
) -> Call[EventPage]:
    """Return a page of the account's events, oldest first, after a cursor."""
    query = {"after": after, "types": ",".join(types) if types else None, "limit": limit}
    return Call(method="GET", path=f"{API}/events", answer=EventPage, query=query)


def usage(
    *, from_: Moment = None, to: Moment = None, api_key_id: str | None = None, by_key: bool = False
) -> Call[Usage]:
    """Return totals by day and kind, and by key where asked."""
    query = {"from": from_, "to": to, "api_key_id": api_key_id, "group_by": "key" if by_key else None}
    return Call(method="GET", path=f"{API}/usage", answer=Usage, query=query)


def usage_rows(
    *,
    from_: Moment = None,
    to: Moment = None,
    api_key_id: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Call[UsagePage]:
    """Return a page of the rows behind the totals, newest first."""
    query = {"from": from_, "to": to, "api_key_id": api_key_id, "cursor": cursor, "limit": limit}
    return Call(method="GET", path=f"{API}/usage/events", answer=UsagePage, query=query)


def everybodys_usage(
    *,
    account_id: str | None = None,
    api_key_id: str | None = None,
    group_by: str | None = None,
    from_: Moment = None,
    to: Moment = None,
) -> Call[EverybodysUsage]:
    """For admins: return totals of an account or of all; ``group_by`` is ``account`` or ``key``."""
    query = {
        "account_id": account_id,
        "api_key_id": api_key_id,
        "group_by": group_by,
        "from": from_,
        "to": to,
    }
    return Call(method="GET", path=f"{API}/admin/usage", answer=EverybodysUsage, query=query)


def invariants() -> Call[Invariants]:
    """For admins: return the invariants and their violations."""
    return Call(method="GET", path=f"{API}/health/invariants", answer=Invariants)


def dead_letters(*, status: str = "open", cursor: str | None = None, limit: int = 20) -> Call[DeadLetterPage]:
    """For admins: return a page of dead letters, newest first: ``open``, ``redriven`` or ``discarded``."""
    query = {"status": status, "cursor": cursor, "limit": limit}
    return Call(method="GET", path=f"{API}/admin/dead-letters", answer=DeadLetterPage, query=query)


def dead_letter(letter_id: str) -> Call[DeadLetterWithCommand]:
    """For admins: return one with its command and its position in Kafka."""
    return Call(method="GET", path=f"{API}/admin/dead-letters/{letter_id}", answer=DeadLetterWithCommand)


def redrive(letter_id: str) -> Call[Redriven]:
    """For admins: accept the job again under a new id."""
    path = f"{API}/admin/dead-letters/{letter_id}/redrive"
    return Call(method="POST", path=path, answer=Redriven, repeatable=False)


def discard(letter_id: str) -> Call[None]:
    """For admins: discard it without another attempt."""
    path = f"{API}/admin/dead-letters/{letter_id}/discard"
    return Call(method="POST", path=path, answer=None, repeatable=False)
