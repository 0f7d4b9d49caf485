"""Records: events, usage, and for admins the invariants and the dead letters.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from datetime import datetime

from sharpstream.client.models import (
    AdminActPage,
    DeadLetterPage,
    DeadLetterWithCommand,
    EverybodysUsage,
    Invariants,
    QueueState,
    QuotaUseList,
    Redriven,
    Usage,
    UsagePage,
)
from sharpstream.client.request import API, Call


def usage(
    *,
    from_: datetime | str | None = None,
    to: datetime | str | None = None,
    api_key_id: str | None = None,
    group_by: str | None = None,
) -> Call[Usage]:
    """Return how often each kind of event happened on each day (UTC).

    ``from_``: inclusive; default: 30 days before `to`; ``to``: exclusive; default: now; ``api_key_id``:
    only what this API key did.
    """
    return Call(
        method="GET",
        path=f"{API}/usage",
        answer=Usage,
        query={"from": from_, "to": to, "api_key_id": api_key_id, "group_by": group_by},
    )


def usage_rows(
    *,
    from_: datetime | str | None = None,
    to: datetime | str | None = None,
    api_key_id: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> Call[UsagePage]:
    """Return one row for each counted event, newest first; repeat the filters along with a cursor.

    ``from_``: inclusive; default: 30 days before `to`; ``to``: exclusive; default: now; ``api_key_id``:
    only what this API key did.
    """
    return Call(
        method="GET",
        path=f"{API}/usage/events",
        answer=UsagePage,
        query={"from": from_, "to": to, "api_key_id": api_key_id, "cursor": cursor, "limit": limit},
    )


def everybodys_usage(
    *,
    account_id: str | None = None,
    api_key_id: str | None = None,
    group_by: str | None = None,
    from_: datetime | str | None = None,
    to: datetime | str | None = None,
) -> Call[EverybodysUsage]:
    """Return how often each kind of event happened on each day (UTC).

    ``account_id``: default: all accounts together; ``api_key_id``: only what this API key did;
    ``from_``: inclusive; default: 30 days before `to`; ``to``: exclusive; default: now.
    """
    return Call(
        method="GET",
        path=f"{API}/admin/usage",
        answer=EverybodysUsage,
        query={
            "account_id": account_id,
            "api_key_id": api_key_id,
            "group_by": group_by,
            "from": from_,
            "to": to,
        },
    )


def invariants() -> Call[Invariants]:
    """Return the rules that must always hold, and the exceptions to them.

    Checked at most once a minute in this process, because the rules read the whole log.
    """
    return Call(
        method="GET",
        path=f"{API}/health/invariants",
        answer=Invariants,
    )


def quotas() -> Call[QuotaUseList]:
    """Return each quota of the account, and how much of it is used now."""
    return Call(
        method="GET",
        path=f"{API}/usage/quotas",
        answer=QuotaUseList,
    )


def queue() -> Call[QueueState]:
    """Return what waits by priority and account, the workers and the models of late; up to 5 seconds old."""
    return Call(
        method="GET",
        path=f"{API}/admin/queue",
        answer=QueueState,
    )


def dead_letters(*, status: str = "open", cursor: str | None = None, limit: int = 20) -> Call[DeadLetterPage]:
    """Return dead letters of all accounts, newest first."""
    return Call(
        method="GET",
        path=f"{API}/admin/dead-letters",
        answer=DeadLetterPage,
        query={"status": status, "cursor": cursor, "limit": limit},
    )


def dead_letter(letter_id: str) -> Call[DeadLetterWithCommand]:
    """Return one with its command and its position in Kafka."""
    return Call(
        method="GET",
        path=f"{API}/admin/dead-letters/{letter_id}",
        answer=DeadLetterWithCommand,
    )


def redrive(letter_id: str) -> Call[Redriven]:
    """Run the job again as a new job that names the old one (`retry_of`); the old one stays failed."""
    return Call(
        method="POST",
        path=f"{API}/admin/dead-letters/{letter_id}/redrive",
        answer=Redriven,
        repeatable=False,
    )


def discard(letter_id: str) -> Call[None]:
    """Settle it without another attempt. It stays listed as discarded."""
    return Call(
        method="POST",
        path=f"{API}/admin/dead-letters/{letter_id}/discard",
        answer=None,
        repeatable=False,
    )


def admin_acts(
    *, actor: str | None = None, target: str | None = None, cursor: str | None = None, limit: int = 20
) -> Call[AdminActPage]:
    """Return what admins and operators did, newest first. An act of a command line has no `actor`.

    ``actor``: of this admin's account; ``target``: done to this account, partner or other.
    """
    return Call(
        method="GET",
        path=f"{API}/admin/audit",
        answer=AdminActPage,
        query={"actor": actor, "target": target, "cursor": cursor, "limit": limit},
    )
