"""Shares: scenes shown to anyone who has the link."""

from __future__ import annotations

from sharpstream.client.models import NewShare, Shared, ShareList
from sharpstream.client.request import API, Call


def share(generation_id: str, *, expires_in_hours: int = 168) -> Call[NewShare]:
    """Make a link through which anyone may view a completed scene; it is shown only once."""
    path, body = f"{API}/scenes/{generation_id}/shares", {"expires_in_hours": expires_in_hours}
    return Call(method="POST", path=path, answer=NewShare, body=body, repeatable=False)


def shares(generation_id: str) -> Call[ShareList]:
    """Return the live shares of a scene, newest first."""
    return Call(method="GET", path=f"{API}/scenes/{generation_id}/shares", answer=ShareList)


def end_share(share_id: str) -> Call[None]:
    """End a share at once."""
    return Call(method="DELETE", path=f"{API}/shares/{share_id}", answer=None, repeatable=False)


def shared(token: str) -> Call[Shared]:
    """Return what a share shows; no credentials are needed."""
    return Call(method="GET", path=f"{API}/shared/{token}", answer=Shared, public=True)
