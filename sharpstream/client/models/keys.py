"""What the service answers. API keys: credentials for programs.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct, field


class ApiKey(Struct, frozen=True, kw_only=True):
    """A key without its secret."""

    id: str
    name: str = ""
    status: str
    created_at: datetime | None = None
    expires_at: datetime | None = None
    prefix: str | None = None
    scopes: list[str] = field(default_factory=list)
    last_used_at: datetime | None = None


class NewApiKey(Struct, frozen=True, kw_only=True):
    """The new key. The ``key`` itself is shown only in this response."""

    id: str
    key: str
    name: str = ""
    expires_at: datetime | None = None
    scopes: list[str] = field(default_factory=list)
