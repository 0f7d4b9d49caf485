"""A live stream over several connections: where and when to resume. Sends nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from httpx_sse import ServerSentEvent

from sharpstream.client.errors import ServiceError
from sharpstream.client.models import Event
from sharpstream.client.request import API
from sharpstream.client.retries import asked, backoff
from sharpstream.client.transport import STREAM, event_of

Lost = Callable[[ServiceError | None], None]
"""Called at each lost connection; None where the service closed the stream properly."""


class Following:
    """One stream, over as many connections as needed.

    ``ends``: it stops with the last event of its subject. ``done``: it has stopped.
    """

    def __init__(
        self,
        path: str,
        *,
        ends: bool,
        after: str | None = None,
        types: Iterable[str] | None = None,
        lost: Lost = lambda _: None,
    ) -> None:
        self.path = f"{API}/{path}"
        self.query = {"types": ",".join(types)} if types else {}
        self.done = False
        self._ends, self._last, self._lost = ends, after, lost
        self._backoff = backoff()
        self._seen = ""

    def connect(self) -> dict[str, str]:
        """Begin with a new connection; return its headers."""
        self._seen = ""
        return STREAM | ({"Last-Event-ID": self._last} if self._last else {})

    def take(self, frame: ServerSentEvent) -> Event | None:
        """Return the event of a frame of the connection; None where it has no data.

        A frame repeats the last id of the connection, so only a new id marks a durable event.
        """
        durable, self._seen = bool(frame.id) and frame.id != self._seen, frame.id
        if not frame.data:  # a heartbeat, or the position that the stream begins after
            self._last = frame.id or self._last
            return None
        event = event_of(frame, durable=durable)
        self._last = event.cursor or self._last
        self._backoff.reset()
        self.done = self._ends and event.ends
        return event

    def broke(self, error: ServiceError | None) -> float:
        """Return the seconds until the next connection. Raises what reconnecting cannot cure."""
        if error is not None and not error.passing:
            raise error
        self._lost(error)
        requested = error.retry_after_s if error is not None else None
        return max(self._backoff.next_s(), asked(requested or 0))
