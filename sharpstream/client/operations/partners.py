"""Partners, for admins: accounts that use the service over Kafka.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sharpstream.client.models import NewPartner, Partner, PartnerPage
from sharpstream.client.request import API, Call


def partners(*, cursor: str | None = None, limit: int = 20) -> Call[PartnerPage]:
    """Return partners, newest first, including deleted ones."""
    return Call(
        method="GET",
        path=f"{API}/partners",
        answer=PartnerPage,
        query={"cursor": cursor, "limit": limit},
    )


def create_partner(
    slug: str, *, account_id: str | None = None, account: Mapping[str, Any] | None = None
) -> Call[NewPartner]:
    """Create a user, two topics, rights and quotas in Kafka. The password is shown only in this response.

    If Kafka is unavailable the response is 503 and the partner stays `creating`: repeat the same
    request for the credentials, or rotate them later.
    """
    return Call(
        method="POST",
        path=f"{API}/partners",
        answer=NewPartner,
        body={"slug": slug, "account_id": account_id, "account": account},
        repeatable=False,
    )


def partner(partner_id: str) -> Call[Partner]:
    """Return one partner, without credentials."""
    return Call(
        method="GET",
        path=f"{API}/partners/{partner_id}",
        answer=Partner,
    )


def delete_partner(partner_id: str) -> Call[None]:
    """Remove user, rights and groups now and the topics an hour later. The account and its scenes stay."""
    return Call(
        method="DELETE",
        path=f"{API}/partners/{partner_id}",
        answer=None,
        repeatable=False,
    )


def rotate_partner(partner_id: str) -> Call[NewPartner]:
    """Change the password. The old one is no longer accepted; its connections end within 10 minutes."""
    return Call(
        method="POST",
        path=f"{API}/partners/{partner_id}/rotate",
        answer=NewPartner,
        repeatable=False,
    )


def suspend_partner(partner_id: str) -> Call[Partner]:
    """Revoke all its rights at once. Its topics and events continue; pending commands are rejected."""
    return Call(
        method="POST",
        path=f"{API}/partners/{partner_id}/suspend",
        answer=Partner,
        repeatable=False,
    )


def resume_partner(partner_id: str) -> Call[Partner]:
    """Restore the rights; the password is unchanged."""
    return Call(
        method="POST",
        path=f"{API}/partners/{partner_id}/resume",
        answer=Partner,
        repeatable=False,
    )


def partners_document() -> Call[dict[str, Any]]:
    """Return the AsyncAPI 3 document of the two topics that every partner has."""
    return Call(
        method="GET",
        path=f"{API}/asyncapi/partners",
        answer=dict[str, Any],
        public=True,
    )
