"""Events, with the same body in streams, pages and webhooks."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct, field

ENDING_EVENTS: Final = frozenset(
    f"{noun}.{ending}.v1"
    for noun, endings in (
        ("generation", ("completed", "failed", "cancelled")),
        ("export", ("completed", "failed")),
    )
    for ending in endings
)
PROGRESS_EVENT: Final = "generation.progress.v1"
STARTED_EVENT: Final = "generation.started.v1"


class Event(Struct, frozen=True, kw_only=True):
    """A CloudEvent. ``subject`` is the scene or export that it is about.

    ``cursor`` is its position in the account's log, after which a stream is resumed. Progress has none.
    """

    type: str
    time: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    subject: str = ""
    source: str = ""
    cursor: str | None = None

    @property
    def ends(self) -> bool:
        """Whether it is the last event of its subject."""
        return self.type in ENDING_EVENTS


class EventPage(Struct, frozen=True, kw_only=True):
    """Oldest first; send ``next_cursor`` as ``after``, now or later, also when the page was empty."""

    events: list[Event]
    next_cursor: str
