"""A signed-in person proves the password again, for what cannot be undone or gives the account away."""

from __future__ import annotations

from gateway.accounts.auth import Caller
from gateway.accounts.passwords import Passwords
from gateway.accounts.repository import Account, Accounts
from gateway.accounts.sign_in_throttle import SignInThrottle
from gateway.errors import DomainError


async def proven(
    accounts: Accounts, throttle: SignInThrottle, passwords: Passwords, request: Caller, password: str
) -> Account:
    """Return the account of a caller that sent its password. Raises `DomainError`."""
    account = await accounts.by_id(request.user.account_id)
    if account is None:
        raise DomainError("account_inactive", "The account is closed.")
    async with throttle.person(account.id):
        if not await passwords.verify(password, account.password_hash):
            raise DomainError("credentials_invalid", "The current password is wrong or missing.")
    return account
