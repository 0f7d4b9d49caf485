"""The event of a live stream: its cursor, its JSON, and its Server-Sent Events frame.

Only this module renders a CloudEvent as JSON. Streams (``data:``), `GET /events` and webhook bodies send
`StreamEvent.body_json`, so all of them have the same bytes whether the event came from Kafka or from the log.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType

from gateway.streaming.cursor import Cursor
from ledger.events import Event

MEDIA_TYPE: Final = "text/event-stream"
HEARTBEAT: Final = b": still here\n\n"
"""A comment without id: one with an id would make clients skip real events."""
LOG_COLUMNS: Final = (
    'epoch, partition, "offset", event_id, type, subject, account_id, source, time, body::text AS body'
)
"""The columns of ``event_log`` that `from_row` needs."""
_ONE_LINE: Final = bytes.maketrans(b"\r\n", b"  ")  # between tokens only: JSON escapes them within strings


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON of one event. ``cursor`` is an extension: its position, for `GET /events?after=`."""

    specversion: str = "1.0"
    id: str
    type: str
    source: str
    time: datetime
    subject: str
    cursor: str | UnsetType = UNSET
    data: msgspec.Raw


@dataclass(kw_only=True, slots=True, eq=False)
class StreamEvent:
    """An event to send to readers; ``cursor`` is None for progress, which cannot be resumed."""

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
    def body_json(self) -> bytes:
        """The event as CloudEvents JSON, on one line: the same bytes for streams, pages and webhooks.

        Rendered at each call; a caller that sends it to many receivers keeps it.
        """
        event = CloudEvent(
            id=self.id,
            type=self.type,
            source=self.source,
            time=self.time,
            subject=self.subject,
            cursor=str(self.cursor) if self.cursor else UNSET,
            data=msgspec.Raw(self.body),
        )
        return msgspec.json.encode(event).translate(_ONE_LINE)

    @property
    def frame(self) -> bytes:
        """The SSE frame; rendered once, on first use, because most events have no reader."""
        if self._frame is None:
            id_line = f"id: {self.cursor}\n" if self.cursor else ""
            self._frame = f"{id_line}event: {self.type}\ndata: ".encode() + self.body_json + b"\n\n"
        return self._frame


def opening(position: str | None) -> bytes:
    """Return a stream's first bytes: the reconnection time, and the position that the stream begins after.

    A block without data sets the client's last id and shows no event, so a client that is cut off before the
    first event resumes where it began. The time is random (1 to 4 s), so that the clients of a stopping
    gateway do not all reconnect at once.
    """
    wait_ms = random.randint(1_000, 4_000)  # noqa: S311  (spreads load, no secret)
    return f"retry: {wait_ms}\n{f'id: {position}' if position else ': hello'}\n\n".encode()


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


def from_decoded(event: Event, *, epoch: int) -> StreamEvent:
    """Return the stream event of a decoded event; the same bytes as `from_record`."""
    return StreamEvent(
        cursor=Cursor(epoch, event.partition, event.offset),
        account_id=event.account_id,
        id=str(event.id),
        type=event.type,
        source=event.source,
        time=event.time.astimezone(UTC),
        subject=str(event.subject),
        body=event.body.encode(),
    )


def from_row(row: Mapping[str, Any]) -> StreamEvent:
    """Return the event of an ``event_log`` row read as `LOG_COLUMNS`; the same bytes as `from_record`."""
    return StreamEvent(
        cursor=Cursor(row["epoch"], row["partition"], row["offset"]),
        account_id=row["account_id"],
        id=str(row["event_id"]),
        type=row["type"],
        source=row["source"],
        time=row["time"].astimezone(UTC),
        subject=str(row["subject"]),
        body=row["body"].encode(),
    )
