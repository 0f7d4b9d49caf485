"""Retention: how long data are kept, and what was erased.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from sharpstream.client.models import ErasurePage, Retention
from sharpstream.client.request import API, Call


def retention() -> Call[Retention]:
    """Return the policy that holds for your account."""
    return Call(
        method="GET",
        path=f"{API}/users/me/retention",
        answer=Retention,
    )


def set_retention(
    *,
    scenes_hours: int | None = None,
    originals_hours: int | None = None,
    results_hours: int | None = None,
    exports_hours: int | None = None,
    views_hours: int | None = None,
    names_hours: int | None = None,
    client_metadata_hours: int | None = None,
    webhooks_hours: int | None = None,
    idempotency_hours: int | None = None,
) -> Call[Retention]:
    """Replace your policy: what is older is erased within minutes, and cannot be brought back.

    Whole scenes that are deleted end with the event `generation.deleted.v1`. Of parts there is no
    event: the scene stays, and `erased` of it says what is gone. A result stays while an export of it
    is in flight.
    """
    return Call(
        method="PUT",
        path=f"{API}/users/me/retention",
        answer=Retention,
        body={
            "scenes_hours": scenes_hours,
            "originals_hours": originals_hours,
            "results_hours": results_hours,
            "exports_hours": exports_hours,
            "views_hours": views_hours,
            "names_hours": names_hours,
            "client_metadata_hours": client_metadata_hours,
            "webhooks_hours": webhooks_hours,
            "idempotency_hours": idempotency_hours,
        },
    )


def reset_retention() -> Call[Retention]:
    """Remove your policy: the installation's holds again, also when it changes."""
    return Call(
        method="DELETE",
        path=f"{API}/users/me/retention",
        answer=Retention,
        repeatable=False,
    )


def erasures(*, cursor: str | None = None, limit: int = 50) -> Call[ErasurePage]:
    """Return how much of each kind was erased on each day; what you deleted yourself is not in it."""
    return Call(
        method="GET",
        path=f"{API}/users/me/erasures",
        answer=ErasurePage,
        query={"cursor": cursor, "limit": limit},
    )


def account_retention(account_id: str) -> Call[Retention]:
    """Return the policy that holds for the account."""
    return Call(
        method="GET",
        path=f"{API}/admin/users/{account_id}/retention",
        answer=Retention,
    )


def set_account_retention(
    account_id: str,
    *,
    scenes_hours: int | None = None,
    originals_hours: int | None = None,
    results_hours: int | None = None,
    exports_hours: int | None = None,
    views_hours: int | None = None,
    names_hours: int | None = None,
    client_metadata_hours: int | None = None,
    webhooks_hours: int | None = None,
    idempotency_hours: int | None = None,
) -> Call[Retention]:
    """Replace the account's policy; its owner may change it afterwards. See `PUT /users/me/retention`."""
    return Call(
        method="PUT",
        path=f"{API}/admin/users/{account_id}/retention",
        answer=Retention,
        body={
            "scenes_hours": scenes_hours,
            "originals_hours": originals_hours,
            "results_hours": results_hours,
            "exports_hours": exports_hours,
            "views_hours": views_hours,
            "names_hours": names_hours,
            "client_metadata_hours": client_metadata_hours,
            "webhooks_hours": webhooks_hours,
            "idempotency_hours": idempotency_hours,
        },
    )


def reset_account_retention(account_id: str) -> Call[Retention]:
    """Remove the account's policy: the installation's holds again."""
    return Call(
        method="DELETE",
        path=f"{API}/admin/users/{account_id}/retention",
        answer=Retention,
        repeatable=False,
    )
