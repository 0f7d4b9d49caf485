"""The authenticated caller, over REST or a partner's topic."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """An authenticated caller: an API key with its scopes, or a person with the id of the sign-in."""

    account_id: UUID
    role: str
    api_key_id: UUID | None = None
    scopes: frozenset[str] | None = None
    session_id: UUID | None = None
