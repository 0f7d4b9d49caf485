"""What the service answers, as far as a client needs it; unknown fields are ignored."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, field

ENDINGS: Final = frozenset({"completed", "failed", "cancelled"})
ENDING_EVENTS: Final = frozenset(f"generation.{ending}.v1" for ending in ENDINGS)
PROGRESS_EVENT: Final = "generation.progress.v1"
STARTED_EVENT: Final = "generation.started.v1"


class Accepted(Struct, frozen=True, kw_only=True):
    """The answer to an upload."""

    generation_id: str
    status: str
    message: str


class Event(Struct, frozen=True, kw_only=True):
    """One event of a generation; ``cursor`` is set on those that a stream can be resumed after."""

    type: str
    time: str
    data: dict[str, Any]
    cursor: str | None = None

    @property
    def ends(self) -> bool:
        """Whether nothing follows."""
        return self.type in ENDING_EVENTS


class Scene(Struct, frozen=True, kw_only=True):
    """A generation as it stands; the URL is presigned and good for an hour or so."""

    id: str
    status: str
    generated_3d_gaussian_url: str | None = None
    processing_time_seconds: float | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    error_message: str | None = None

    @property
    def ended(self) -> bool:
        """Whether the status is its last."""
        return self.status in ENDINGS

    def part(self, name: str) -> dict[str, Any]:
        """Return that part of the metadata (``result``, ``timings``, ``error``, ...), empty where absent."""
        found = self.metadata.get(name)
        return found if isinstance(found, dict) else {}
