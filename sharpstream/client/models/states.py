"""What scenes and exports have in common: a status that ends; a scene's metadata by their parts."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, field

ENDINGS: Final = frozenset({"completed", "failed", "cancelled"})
"""The statuses of what changes no more."""


class HasStatus(Struct, frozen=True, kw_only=True):
    """Something that is made in the background."""

    status: str

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.status in ENDINGS


class HasParts(HasStatus, frozen=True, kw_only=True):
    """A scene: its metadata have parts, of which some come at the end."""

    metadata: dict[str, Any] = field(default_factory=dict)

    def part(self, name: str) -> dict[str, Any]:
        """Return that part of the metadata (``result``, ``timings``, ``scores``, ...), empty where absent."""
        found = self.metadata.get(name)
        return found if isinstance(found, dict) else {}
