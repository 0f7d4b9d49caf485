"""The JSON of events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct

from gateway.http.fields import Id

CursorText = Annotated[str, Meta(examples=["1-7-4711"])]


class EventOut(Struct, frozen=True, kw_only=True):
    """A CloudEvent; ``data`` has the fields of its ``type``, see the AsyncAPI document."""

    specversion: Annotated[str, Meta(examples=["1.0"])]
    id: Id
    type: Annotated[str, Meta(examples=["generation.completed.v1"])]
    source: Annotated[str, Meta(examples=["/sharpstream/inference"])]
    time: Annotated[datetime, Meta(tz=True)]
    subject: Id
    cursor: CursorText
    data: dict[str, Any]


class EventsOut(Struct, frozen=True, kw_only=True):
    """A page of the account's events, oldest first; send ``next_cursor`` as ``after``, now or later."""

    events: list[EventOut]
    next_cursor: CursorText
