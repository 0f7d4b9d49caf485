"""The letters that people get: one text each, from which the plain and the HTML part are made.

A letter names the service by its address and holds one link. It names no account, no person and no admin.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from html import escape
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

_BODY: Final = (
    "font:16px/1.5 system-ui,sans-serif;color:#1d2327;max-width:34rem;margin:2rem auto;padding:0 1rem"
)
_LINK: Final = (
    "display:inline-block;padding:.7rem 1.4rem;border-radius:2rem;background:#1d6f78;color:#fff;"
    "text-decoration:none"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """What is written ``before`` and ``after`` the link, and its words, ``button``; None: no link."""

    subject: str
    before: tuple[str, ...]
    button: str | None = None
    after: tuple[str, ...] = ()


def _invitation(service: str, lasting: str) -> Letter:
    return Letter(
        subject=f"Your invitation to {service}",
        before=(f"You are invited to create an account at {service}, where photos become scenes in 3D.",),
        button="Create your account",
        after=(
            f"The link works once, for {lasting}.",
            "If you did not expect this, ignore it: without you no account is made.",
        ),
    )


def _password_reset(service: str, lasting: str) -> Letter:
    return Letter(
        subject=f"Set a new password at {service}",
        before=(f"A new password was asked for, for your account at {service}.",),
        button="Set a new password",
        after=(
            f"The link works once, for {lasting}. Every sign-in of the account ends when you set it.",
            "If it was not you who asked, ignore this: your password stays as it is.",
        ),
    )


def _email_change(service: str, lasting: str) -> Letter:
    return Letter(
        subject=f"Confirm your address at {service}",
        before=(f"This address is to become the one of an account at {service}.",),
        button="Confirm this address",
        after=(
            f"The link works once, for {lasting}.",
            "If it was not you who asked, ignore this: nothing changes without the link.",
        ),
    )


def _email_changed(service: str, _lasting: str) -> Letter:
    return Letter(
        subject=f"Your address at {service} was changed",
        before=(
            f"Your account at {service} has another e-mail address now, and this one no longer signs in.",
            "If it was not you, ask an admin of the service for help at once.",
        ),
    )


LETTERS: Final[dict[str, tuple[Callable[[str, str], Letter], str]]] = {
    "invitation": (_invitation, "register"),
    "password_reset": (_password_reset, "reset-password"),
    "email_change": (_email_change, "confirm-email"),
    "email_changed": (_email_changed, ""),
}
"""Kind of mail -> what makes its letter, and the page that its link leads to."""


def written(
    kind: str, *, mail_id: UUID, to: str, sender: str, public_url: str, token: str | None, seconds: float
) -> EmailMessage:
    """Return the mail. ``seconds``: how long its link is still good.

    The same mail has the same Message-ID at every attempt, so that a mailbox may know it again.
    """
    make, page = LETTERS[kind]
    base = public_url.rstrip("/")
    letter = make(urlsplit(base).hostname or base, lasting(seconds))
    # Browsers send what stands behind the # to no server.
    link = f"{base}/{page}#{token}" if letter.button and token else None
    mail = EmailMessage(policy=SMTP)
    mail["From"], mail["To"], mail["Subject"] = sender, to, letter.subject
    mail["Date"] = formatdate()
    mail["Message-ID"] = f"<{mail_id}@{parseaddr(sender)[1].rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # no program answers it (RFC 3834)
    mail.set_content(_text(letter, link), cte="quoted-printable")
    mail.add_alternative(_html(letter, link), subtype="html", cte="quoted-printable")
    return mail


def lasting(seconds: float) -> str:
    """Return a time in words, rounded down: an hour of which less than a minute is over is an hour."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        count = int((seconds + 59) // size)
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "a minute"


def _text(letter: Letter, link: str | None) -> str:
    parts = [*letter.before, *([f"{letter.button}:\n{link}"] if link else []), *letter.after]
    return "\n\n".join(parts) + "\n"


def _html(letter: Letter, link: str | None) -> str:
    parts = [f"<p>{escape(each)}</p>" for each in letter.before]
    if link:
        shown = escape(link)
        parts += [
            f'<p><a href="{shown}" style="{_LINK}">{escape(letter.button or "")}</a></p>',
            f'<p style="font-size:14px;word-break:break-all">{shown}</p>',
        ]
    parts += [f"<p>{escape(each)}</p>" for each in letter.after]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(letter.subject)}</title>'
        f'</head><body style="{_BODY}">{"".join(parts)}</body></html>'
    )
