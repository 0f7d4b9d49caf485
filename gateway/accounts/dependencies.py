"""The instances used by the handlers of accounts and by the guards of all routes."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

import asyncpg

from bus.runtime.turns import Turns
from gateway.accounts.access_tokens import Tokens
from gateway.accounts.api_keys import Keys
from gateway.accounts.auth import Authenticator
from gateway.accounts.email_change import EmailChange
from gateway.accounts.erasure import EraseMore, Erasing
from gateway.accounts.key_hashing import ApiKeys
from gateway.accounts.mailer import Mailer
from gateway.accounts.mails import Mails
from gateway.accounts.one_time_links import OneTimeLinks
from gateway.accounts.password_change import PasswordChange
from gateway.accounts.passwords import Passwords
from gateway.accounts.quotas import Quota, Quotas
from gateway.accounts.rate_limits import RateLimits
from gateway.accounts.refresh_tokens import Sessions
from gateway.accounts.registration import Registration
from gateway.accounts.repository import Accounts
from gateway.accounts.sign_in_throttle import SignInThrottle
from gateway.settings import GatewaySettings, Settings

ADMITTED: Final = 4
"""Requests of one caller that are looked up, and counted, at once: more would wait for the row of its rate
limit, with a connection to Postgres each, and share the event loop with everybody's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountDependencies:
    """The instances of one application."""

    accounts: Accounts
    sessions: Sessions
    erasing: Erasing
    keys: Keys
    api_keys: ApiKeys
    authenticator: Authenticator
    admission: Turns
    account_quotas: Quotas
    limits: RateLimits
    sign_in_throttle: SignInThrottle
    one_time_links: OneTimeLinks
    mails: Mails
    mailer: Mailer
    email_change: EmailChange
    registration: Registration
    password_change: PasswordChange
    passwords: Passwords
    tokens: Tokens


def build(
    pool: asyncpg.Pool, settings: Settings, stack: AsyncExitStack, *, erase_more: EraseMore
) -> AccountDependencies:
    """Return the instances; ``stack`` closes those that need it."""
    own = settings.gateway
    passwords = Passwords(own.bcrypt_rounds)
    stack.callback(passwords.close)
    accounts, keys, tokens = Accounts(pool), Keys(pool), Tokens(own)
    api_keys = ApiKeys.of(own)
    mails = Mails(pool, api_keys, enabled=settings.mail.host is not None)
    limits, links = RateLimits(pool), OneTimeLinks(pool, api_keys, mails)
    sessions = Sessions(pool, api_keys, seconds=own.refresh_token_seconds)
    return AccountDependencies(
        accounts=accounts,
        sessions=sessions,
        erasing=Erasing(pool, erase_more),
        keys=keys,
        api_keys=api_keys,
        authenticator=Authenticator(accounts, tokens, keys, api_keys),
        admission=Turns(sys.maxsize, ADMITTED),
        account_quotas=Quotas(pool, _quota(own)),
        limits=limits,
        sign_in_throttle=SignInThrottle(pool, limits, api_keys),
        one_time_links=links,
        mails=mails,
        mailer=Mailer(mails, settings.mail, own.public_url),
        email_change=EmailChange(pool, mails, api_keys),
        registration=Registration(pool, accounts, links, own.registration),
        password_change=PasswordChange(pool, sessions),
        passwords=passwords,
        tokens=tokens,
    )


def _quota(own: GatewaySettings) -> Quota:
    return Quota(
        max_in_flight=own.max_in_flight,
        requests_per_minute=own.requests_per_minute,
        max_streams=own.max_streams,
        interactive_at_once=own.interactive_at_once,
        bulk_at_once=own.bulk_at_once,
        max_exports_in_flight=own.max_exports_in_flight,
        exports_per_minute=own.exports_per_minute,
        stored_bytes=int(own.stored_gib * 1024**3),
    )
