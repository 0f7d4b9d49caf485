"""What a live stream carries: an event with its place, and its form as Server-Sent Events.

The data is a CloudEvent in its JSON form, byte for byte the same whether it came from Kafka or from the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import msgspec

from gateway.cursor import Cursor

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT: Final = b": still here\n\n"
"""A comment without id: one with an id would make clients skip real events."""
OPENING: Final = b"retry: 2000\n\n"
"""Milliseconds a client waits before it comes back."""


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON of one event, as in the data of a stream."""

    specversion: str = "1.0"
    id: str
    type: str
    source: str
    time: datetime
    subject: str
    data: msgspec.Raw


@dataclass(kw_only=True, slots=True, eq=False)
class StreamEvent:
    """An event on its way to readers; ``cursor`` is None for progress, which cannot be resumed."""

    cursor: Cursor | None
    account_id: UUID
    id: str
    type: str
    source: str
    time: datetime
    subject: str
    body: bytes
    _frame: bytes | None = field(default=None, repr=False)

    @property
    def frame(self) -> bytes:
        """The SSE frame; made once, on first use, because most events have no reader."""
        if self._frame is None:
            self._frame = _encode(self)
        return self._frame


def from_record(
    cursor: Cursor | None, *, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes]]
) -> StreamEvent:
    """Return the event of a Kafka record. Raises `ValueError` for one that breaks the contract."""
    named = {name: raw.decode() for name, raw in reversed(headers)}
    try:
        return StreamEvent(
            cursor=cursor,
            account_id=UUID((key or b"").decode()),
            id=named["ce_id"],
            type=named["ce_type"],
            source=named["ce_source"],
            time=datetime.fromisoformat(named["ce_time"]).astimezone(UTC),
            subject=named["ce_subject"],
            body=value or b"null",
        )
    except KeyError as error:
        raise ValueError(f"the header {error} is missing") from error


def _encode(event: StreamEvent) -> bytes:
    data = msgspec.json.encode(
        CloudEvent(
            id=event.id,
            type=event.type,
            source=event.source,
            time=event.time,
            subject=event.subject,
            data=msgspec.Raw(event.body),
        )
    )
    place = f"id: {event.cursor}\n" if event.cursor else ""
    return f"{place}event: {event.type}\ndata: ".encode() + data.replace(b"\n", b" ") + b"\n\n"
