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
from gateway.accounts.passwords import Passwords
from gateway.accounts.quotas import Quota, Quotas
from gateway.accounts.rate_limits import RateLimits
from gateway.accounts.refresh_tokens import Sessions
from gateway.accounts.repository import Accounts
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
    return AccountDependencies(
        accounts=accounts,
        sessions=Sessions(pool, api_keys, seconds=own.refresh_token_seconds),
        erasing=Erasing(pool, erase_more),
        keys=keys,
        api_keys=api_keys,
        authenticator=Authenticator(accounts, tokens, keys, api_keys),
        account_quotas=Quotas(pool, _quota(own)),
        limits=RateLimits(pool),
        passwords=passwords,
        tokens=tokens,
    )


def _quota(own: GatewaySettings) -> Quota:
    return Quota(
        max_in_flight=own.max_in_flight,
        requests_per_minute=own.requests_per_minute,
        max_streams=own.max_streams,
        interactive_at_once=own.interactive_at_once,
    )
