"""Joins past (event log), recent (ring) and live (queue) events into one stream without gap or repeat.

Pure: no clock, no network. The invariant: ring and queue hold *every* event of the account from ``floor`` on,
so the log must be read until the ledger has projected every event below ``floor``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from gateway.streaming.cursor import BEGINNING, Position
from gateway.streaming.event import StreamEvent


class Join:
    """One reader's stream. Feed it the log until `needs_past` is False, then the ring, then the queue.

    ``after`` is the last position the client has seen; ``endings`` are the types that end the stream.
    ``floor`` may be raised, never lowered, until the ring's events are taken.
    """

    def __init__(self, *, after: Position, floor: Position, endings: Collection[str] = ()) -> None:
        self.seen = after
        self.ended = False
        self.floor = floor
        self._endings = frozenset(endings)
        # Events that the client has seen need not be read, unless the ending may be among them.
        self._projected: Position = BEGINNING if self._endings else (after[0], after[1] + 1)

    @property
    def needs_past(self) -> bool:
        """Whether the event log may still lack an event that the ring no longer has."""
        return not self.ended and self._projected < self.floor

    def past(self, events: Iterable[StreamEvent], projected: Position) -> Iterator[StreamEvent]:
        """Take a page of the log; ``projected``: the ledger's position *before* the page was read."""
        yield from self.take(events)
        self._projected = max(self._projected, projected)

    def take(self, events: Iterable[StreamEvent]) -> Iterator[StreamEvent]:
        """Yield the events that the client has not seen, in order; none after the ending."""
        for event in events:
            if self.ended:
                return
            if event.cursor is None:
                yield event
                continue
            self.ended = event.type in self._endings  # also an ending seen before: none will follow
            if event.cursor.position > self.seen:
                self.seen = event.cursor.position
                yield event
