"""Partners, for admins: accounts that use the service over Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sharpstream.client.models import NewPartner, Partner, PartnerPage
from sharpstream.client.request import API, Call

_HERE = f"{API}/partners"


def create_partner(
    slug: str, *, account_id: str | None = None, account: Mapping[str, str] | None = None
) -> Call[NewPartner]:
    """Create a partner for an existing account or for a new one; its password is shown only once.

    ``account`` has ``email``, ``password``, ``first_name``, ``last_name``.
    """
    made = None if account is None else dict(account)
    body = {"slug": slug, "account_id": account_id, "account": made}
    return Call(method="POST", path=_HERE, answer=NewPartner, body=body, repeatable=False)


def partners(*, cursor: str | None = None, limit: int = 20) -> Call[PartnerPage]:
    """Return a page of partners, newest first."""
    query = {"cursor": cursor, "limit": limit}
    return Call(method="GET", path=_HERE, answer=PartnerPage, query=query)


def partner(partner_id: str) -> Call[Partner]:
    """Return one partner."""
    return Call(method="GET", path=f"{_HERE}/{partner_id}", answer=Partner)


def rotate_partner(partner_id: str) -> Call[NewPartner]:
    """Give a partner a new password, shown only once.

    Connections of the old one end within ten minutes.
    """
    return _post(partner_id, "rotate", NewPartner)


def suspend_partner(partner_id: str) -> Call[Partner]:
    """Suspend a partner; its commands are refused until it is resumed."""
    return _post(partner_id, "suspend", Partner)


def resume_partner(partner_id: str) -> Call[Partner]:
    """Restore a suspended partner's access."""
    return _post(partner_id, "resume", Partner)


def delete_partner(partner_id: str) -> Call[None]:
    """Delete a partner's user, rights and topics; its account stays."""
    return Call(method="DELETE", path=f"{_HERE}/{partner_id}", answer=None, repeatable=False)


def partners_document() -> Call[dict[str, Any]]:
    """Return the AsyncAPI document of a partner's two topics."""
    path = f"{API}/asyncapi/partners"
    return Call(method="GET", path=path, answer=dict[str, Any], public=True)


def _post(partner_id: str, what: str, answer: Any) -> Call[Any]:
    return Call(method="POST", path=f"{_HERE}/{partner_id}/{what}", answer=answer, repeatable=False)
