"""Accounts and sign-ins; other people's accounts for admins.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sharpstream.client.models import (
    AccountPage,
    AccountWithQuotas,
    ChangedPerson,
    Data,
    EmailChange,
    EmailChanged,
    Erased,
    InviteList,
    OneTimeLink,
    Person,
    QuotaUseList,
    Registered,
    ResetAsked,
    SessionList,
    SignIn,
    SignInOptions,
)
from sharpstream.client.request import API, Call


def register(
    email: str, password: str, *, first_name: str = "", last_name: str = "", invite: str | None = None
) -> Call[Registered]:
    """Make an account with an e-mail address and a password; where the service asks for it, by invitation."""
    return Call(
        method="POST",
        path=f"{API}/users/register",
        answer=Registered,
        body={
            "email": email,
            "password": password,
            "first_name": first_name,
            "last_name": last_name,
            "invite": invite,
        },
        repeatable=False,
        public=True,
    )


def login(email: str, password: str) -> Call[SignIn]:
    """Exchange address and password for a short-lived access token and a refresh token that renews it."""
    return Call(
        method="POST",
        path=f"{API}/users/login",
        answer=SignIn,
        body={"email": email, "password": password},
        repeatable=False,
        public=True,
    )


def refresh(refresh_token: str) -> Call[SignIn]:
    """Exchange the refresh token for new tokens. It is valid once: keep the new one.

    If the answer was lost, the same request gives the same new token for 30 seconds, until that was
    used. Later reuse of a spent refresh token ends the whole sign-in, because the token may have been
    stolen.
    """
    return Call(
        method="POST",
        path=f"{API}/users/refresh",
        answer=SignIn,
        body={"refresh_token": refresh_token},
        public=True,
    )


def logout(refresh_token: str) -> Call[None]:
    """End the sign-in that the refresh token belongs to, with its access token."""
    return Call(
        method="POST",
        path=f"{API}/users/logout",
        answer=None,
        body={"refresh_token": refresh_token},
        repeatable=False,
        public=True,
    )


def reset_password(token: str, password: str) -> Call[SignIn]:
    """Set the password of the link's account, end every sign-in of it, and begin a new one.

    API keys stay valid: revoke those that you do not know.
    """
    return Call(
        method="POST",
        path=f"{API}/users/password-reset",
        answer=SignIn,
        body={"token": token, "password": password},
        repeatable=False,
        public=True,
    )


def me() -> Call[Person]:
    """Return the signed-in person."""
    return Call(
        method="GET",
        path=f"{API}/users/me",
        answer=Person,
    )


def erase_me(password: str) -> Call[Erased]:
    """Erase all personal data at once; photos and splats follow. This cannot be undone."""
    return Call(
        method="DELETE",
        path=f"{API}/users/me",
        answer=Erased,
        body={"password": password},
        repeatable=False,
    )


def change_me(
    *,
    first_name: str | None = None,
    last_name: str | None = None,
    password: str | None = None,
    current_password: str | None = None,
) -> Call[ChangedPerson]:
    """Change the given fields. A new password needs the current one.

    It ends every sign-in, with their access tokens; `sign_in` of the answer is a new one for you. API
    keys stay valid: revoke those that you do not know.
    """
    return Call(
        method="PATCH",
        path=f"{API}/users/me",
        answer=ChangedPerson,
        body={
            "first_name": first_name,
            "last_name": last_name,
            "password": password,
            "current_password": current_password,
        },
        repeatable=False,
    )


def my_data() -> Call[Data]:
    """Return the account's data as JSON: the newest 10,000 rows of each kind. Ten times an hour at most."""
    return Call(
        method="GET",
        path=f"{API}/users/me/data",
        answer=Data,
    )


def sessions() -> Call[SessionList]:
    """Return the open sign-ins of the account, the one renewed last first."""
    return Call(
        method="GET",
        path=f"{API}/users/me/sessions",
        answer=SessionList,
    )


def end_sessions() -> Call[None]:
    """End every sign-in of the account but this one, with their access tokens."""
    return Call(
        method="DELETE",
        path=f"{API}/users/me/sessions",
        answer=None,
        repeatable=False,
    )


def end_session(session_id: str) -> Call[None]:
    """End one sign-in, with its access token."""
    return Call(
        method="DELETE",
        path=f"{API}/users/me/sessions/{session_id}",
        answer=None,
        repeatable=False,
    )


def sign_in_options() -> Call[SignInOptions]:
    """Return what the page offers to people who are not signed in."""
    return Call(
        method="GET",
        path=f"{API}/users/sign-in-options",
        answer=SignInOptions,
        public=True,
    )


def ask_password_reset(email: str) -> Call[ResetAsked]:
    """Send a link that works once, for an hour, if there is an account with this address.

    The answer is the same, and takes the same work, whether or not there is one.
    """
    return Call(
        method="POST",
        path=f"{API}/users/password-reset/mail",
        answer=ResetAsked,
        body={"email": email},
        repeatable=False,
        public=True,
    )


def change_email(email: str, current_password: str) -> Call[EmailChange]:
    """Change the address that signs in; where the service sends mail, by a link sent to the new one."""
    return Call(
        method="POST",
        path=f"{API}/users/me/email",
        answer=EmailChange,
        body={"email": email, "current_password": current_password},
        repeatable=False,
    )


def confirm_email(token: str) -> Call[EmailChanged]:
    """Use the link that was sent to the new address; the former address gets a mail that says so."""
    return Call(
        method="POST",
        path=f"{API}/users/email",
        answer=EmailChanged,
        body={"token": token},
        repeatable=False,
        public=True,
    )


def accounts(*, q: str | None = None, cursor: str | None = None, limit: int = 20) -> Call[AccountPage]:
    """Return accounts, newest first; erased ones are left out.

    ``q``: part of an address or a name.
    """
    return Call(
        method="GET",
        path=f"{API}/admin/users",
        answer=AccountPage,
        query={"q": q, "cursor": cursor, "limit": limit},
    )


def account(account_id: str) -> Call[AccountWithQuotas]:
    """Return one account with its quotas."""
    return Call(
        method="GET",
        path=f"{API}/admin/users/{account_id}",
        answer=AccountWithQuotas,
    )


def change_account(
    account_id: str,
    *,
    role: str | None = None,
    is_active: bool | None = None,
    quotas: Mapping[str, Any] | None = None,
) -> Call[AccountWithQuotas]:
    """Change the given fields. A suspended account is refused at its next request, with any token."""
    return Call(
        method="PATCH",
        path=f"{API}/admin/users/{account_id}",
        answer=AccountWithQuotas,
        body={"role": role, "is_active": is_active, "quotas": quotas},
    )


def account_sessions(account_id: str) -> Call[SessionList]:
    """Return the open sign-ins of an account, the one renewed last first; none for an unknown account."""
    return Call(
        method="GET",
        path=f"{API}/admin/users/{account_id}/sessions",
        answer=SessionList,
    )


def end_account_sessions(account_id: str) -> Call[None]:
    """End every sign-in of an account, with their access tokens. Its password and its API keys stay valid."""
    return Call(
        method="DELETE",
        path=f"{API}/admin/users/{account_id}/sessions",
        answer=None,
        repeatable=False,
    )


def account_quotas(account_id: str) -> Call[QuotaUseList]:
    """Return each quota of an account, and how much of it is used now."""
    return Call(
        method="GET",
        path=f"{API}/admin/users/{account_id}/quotas",
        answer=QuotaUseList,
    )


def create_password_reset(account_id: str, *, expires_in_hours: int = 72) -> Call[OneTimeLink]:
    """Make a link by which its holder sets the account's password, once. Give it to nobody but the owner.

    It replaces an earlier link for the account. The current password stays valid until the link is
    used.
    """
    return Call(
        method="POST",
        path=f"{API}/admin/users/{account_id}/password-reset",
        answer=OneTimeLink,
        body={"expires_in_hours": expires_in_hours},
        repeatable=False,
    )


def invites() -> Call[InviteList]:
    """Return the open invitations, newest first, without their tokens."""
    return Call(
        method="GET",
        path=f"{API}/admin/invites",
        answer=InviteList,
    )


def create_invite(*, expires_in_hours: int = 72, email: str | None = None) -> Call[OneTimeLink]:
    """Make an invitation to one account; with `email` it is sent there, too, and the address forgotten."""
    return Call(
        method="POST",
        path=f"{API}/admin/invites",
        answer=OneTimeLink,
        body={"expires_in_hours": expires_in_hours, "email": email},
        repeatable=False,
    )


def revoke_invite(invite_id: str) -> Call[None]:
    """Revoke an invitation that was not used."""
    return Call(
        method="DELETE",
        path=f"{API}/admin/invites/{invite_id}",
        answer=None,
        repeatable=False,
    )
