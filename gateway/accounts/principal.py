"""The authenticated caller, over REST or a partner's topic."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """An authenticated caller; ``api_key_id`` and ``scopes`` are None for a signed-in person."""

    account_id: UUID
    role: str
    api_key_id: UUID | None = None
    scopes: frozenset[str] | None = None
