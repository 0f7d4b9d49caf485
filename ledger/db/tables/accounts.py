"""Users and their credentials."""

from __future__ import annotations

from piccolo.columns import UUID, Array, Boolean, ForeignKey, OnDelete, Text, Timestamptz
from piccolo.table import Table

from ledger.db.queries import POSTGRES


class User(Table, tablename="users", db=POSTGRES):
    """A person with an account; the only table with personal data."""

    id = UUID(primary_key=True, default=None)
    email = Text(default=None)
    password_hash = Text(default=None, secret=True)
    first_name = Text(default=None)
    last_name = Text(default=None)
    role = Text(default=None)
    created_at = Timestamptz(default=None)
    updated_at = Timestamptz(default=None)
    is_active = Boolean(default=None)
    erased_at = Timestamptz(default=None, null=True)
    emptied_at = Timestamptz(default=None, null=True)
    sessions_valid_from = Timestamptz(default=None, null=True)


class ApiKey(Table, tablename="api_keys", db=POSTGRES):
    """An API key of an account, kept as a hash."""

    id = UUID(primary_key=True, default=None)
    user_id = ForeignKey(User, on_delete=OnDelete.cascade, null=False, default=None)
    api_key_hash = Text(default=None, unique=True, secret=True)
    name = Text(default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None, null=True)
    status = Text(default=None)
    prefix = Text(default=None, null=True)
    scopes = Array(base_column=Text(), default=None, null=True)
    last_used_at = Timestamptz(default=None, null=True)
    pepper = Text(default=None, null=True)


class RefreshToken(Table, tablename="refresh_tokens", db=POSTGRES):
    """A token that renews a sign-in once, kept as a hash."""

    id = UUID(primary_key=True, default=None)
    family = UUID(default=None)
    user_id = ForeignKey(User, on_delete=OnDelete.cascade, null=False, default=None)
    token_hash = Text(default=None, unique=True, secret=True)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    used_at = Timestamptz(default=None, null=True)
    client = Text(default=None, null=True)
    pepper = Text(default=None, null=True)


class KnownAddress(Table, tablename="known_addresses", db=POSTGRES):
    """An address from which an account signed in before; the key is (user_id, address)."""

    user_id = ForeignKey(User, on_delete=OnDelete.cascade, null=False, default=None)
    address = Text(primary_key=True, default=None)
    seen_at = Timestamptz(default=None)


class OneTimeLink(Table, tablename="one_time_links", db=POSTGRES):
    """An invitation, or a link to set a new password; kept as a hash until it is used."""

    id = UUID(primary_key=True, default=None)
    kind = Text(default=None)
    token_hash = Text(default=None, unique=True, secret=True)
    user_id = ForeignKey(User, on_delete=OnDelete.cascade, null=True, default=None, unique=True)
    created_by = UUID(default=None)
    created_at = Timestamptz(default=None)
    expires_at = Timestamptz(default=None)
    pepper = Text(default=None, null=True)
