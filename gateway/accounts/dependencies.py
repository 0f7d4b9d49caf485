"""The instances used by the handlers of accounts and by the guards of all routes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

import asyncpg

from gateway.accounts.access_tokens import Tokens
from gateway.accounts.api_keys import Keys
from gateway.accounts.auth import Authenticator
from gateway.accounts.erasure import EraseMore, Erasing
from gateway.accounts.key_hashing import ApiKeys
from gateway.accounts.one_time_links import OneTimeLinks
from gateway.accounts.password_change import PasswordChange
from gateway.accounts.passwords import Passwords
from gateway.accounts.quotas import Quota, Quotas
from gateway.accounts.rate_limits import RateLimits
from gateway.accounts.refresh_tokens import Sessions
from gateway.accounts.registration import Registration
from gateway.accounts.repository import Accounts
from gateway.accounts.sign_in_throttle import SignInThrottle
from gateway.settings import GatewaySettings


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountDependencies:
    """The instances of one application."""

    accounts: Accounts
    sessions: Sessions
    erasing: Erasing
    keys: Keys
    api_keys: ApiKeys
    authenticator: Authenticator
    account_quotas: Quotas
    limits: RateLimits
    sign_in_throttle: SignInThrottle
    one_time_links: OneTimeLinks
    registration: Registration
    password_change: PasswordChange
    passwords: Passwords
    tokens: Tokens


def build(
    pool: asyncpg.Pool, own: GatewaySettings, stack: AsyncExitStack, *, erase_more: EraseMore
) -> AccountDependencies:
    """Return the instances; ``stack`` closes those that need it."""
    passwords = Passwords(own.bcrypt_rounds)
    stack.callback(passwords.close)
    accounts, keys, tokens = Accounts(pool), Keys(pool), Tokens(own)
    api_keys = ApiKeys(own.api_key_pepper)
    limits, links = RateLimits(pool), OneTimeLinks(pool, api_keys)
    sessions = Sessions(pool, api_keys, seconds=own.refresh_token_seconds)
    return AccountDependencies(
        accounts=accounts,
        sessions=sessions,
        erasing=Erasing(pool, erase_more),
        keys=keys,
        api_keys=api_keys,
        authenticator=Authenticator(accounts, tokens, keys, api_keys),
        account_quotas=Quotas(pool, _quota(own)),
        limits=limits,
        sign_in_throttle=SignInThrottle(pool, limits, api_keys),
        one_time_links=links,
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
        max_exports_in_flight=own.max_exports_in_flight,
        stored_bytes=int(own.stored_gib * 1024**3),
    )
