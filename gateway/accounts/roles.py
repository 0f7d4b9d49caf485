"""The roles of accounts and the scopes of API keys."""

from __future__ import annotations

from typing import Final

ROLES: Final = ("user", "enterprise", "admin")
SCOPES: Final = (
    "scenes:read",
    "scenes:write",
    "shares:write",
    "usage:read",
    "webhooks:read",
    "webhooks:write",
)
"""The scopes that an API key may have."""
