"""Makes the first account of an installation: an administrator with an API key."""

from __future__ import annotations

import secrets
import sys
from argparse import Namespace
from typing import Final

import msgspec

from bus.runtime import process, secret_files
from bus.runtime.settings import RoleSettings
from gateway.accounts.api_keys import Keys
from gateway.accounts.email_address import normal_email
from gateway.accounts.key_hashing import ApiKeys, prefix_of
from gateway.accounts.passwords import Passwords, require_acceptable
from gateway.accounts.repository import Account, Accounts
from gateway.errors import DomainError
from gateway.settings import Settings, read
from gateway.trace import new_trace
from ledger.db import database
from ledger.db.admin_acts import Act, record

PASSWORD_VARIABLE: Final = "SHARPSTREAM_ADMIN_PASSWORD"  # noqa: S105  (the name of a variable)


class Credentials(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The credentials to print; this is the only time that the key is shown.

    ``kept_api_keys``: the other keys of the account, which a reset leaves valid, by prefix and name.
    """

    email: str
    password: str | None = None
    api_key: str | None = None
    kept_api_keys: list[str] | None = None


def main(_role: RoleSettings, options: Namespace) -> int:
    """Make them with the settings of the environment. Raises `ConfigurationError`."""
    try:
        made = process.run(
            create(read(), email=options.email, api_key_name=options.api_key_name, reset=options.reset)
        )
    except DomainError as error:  # as a request would be refused, such as for an address that exists
        sys.stderr.write(f"{error.message}\n")
        return process.MISCONFIGURED
    sys.stdout.write(f"{made}\n")
    return process.DONE


async def create(settings: Settings, *, email: str, api_key_name: str, reset: bool) -> str:
    """Make the account and a key, and return them as a line of JSON.

    For an address that exists the line holds no secret. With ``reset`` that account gets a new password and a
    new key, and its keys of that name are revoked. Raises `DomainError` for a bad address or password.
    """
    address = normal_email(email)
    password = secret_files.value(PASSWORD_VARIABLE) or secrets.token_urlsafe(18)
    require_acceptable(password, address)
    passwords = Passwords(settings.gateway.bcrypt_rounds)
    try:
        hashed = await passwords.hash(password)
    finally:
        passwords.close()
    async with database.open_pool(settings.database, role="gateway-admin") as pool:
        accounts, keys = Accounts(pool), Keys(pool)
        kept: list[str] | None = None
        async with pool.acquire() as connection, connection.transaction():
            account = await accounts.create(
                email=address,
                password_hash=hashed,
                first_name="",
                last_name="",
                role="admin",
                connection=connection,
            )
            if account is not None:
                await record(connection, Act(action="create-admin", target=account.id))
        if account is None:
            if not reset:
                return _line(Credentials(email=address))
            account = await _reset(accounts, keys, address, hashed, api_key_name)
            kept = [
                f"{row.prefix} {row.name}" for row in await keys.list(account.id) if row.status == "active"
            ]
        maker = ApiKeys.of(settings.gateway)
        key = maker.make()
        await keys.create(
            account.id,
            name=api_key_name,
            hashed=maker.hashed(key),
            prefix=prefix_of(key),
            expires_at=None,
            trace=new_trace(),
        )
    return _line(Credentials(email=address, password=password, api_key=key, kept_api_keys=kept))


async def _reset(accounts: Accounts, keys: Keys, address: str, hashed: str, name: str) -> Account:
    account = await accounts.reset(address, password_hash=hashed, role="admin")
    for row in await keys.list(account.id):
        if row.name == name and row.status == "active":
            await keys.revoke(account.id, row.id, trace=new_trace())
    return account


def _line(credentials: Credentials) -> str:
    return msgspec.json.encode(credentials).decode()
