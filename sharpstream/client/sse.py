"""Reads Server-Sent Events from bytes, as the HTML standard has it; knows nothing of ours.

Lines end at CR LF, LF or CR alone. httpx's own line iterator also splits at U+2028 and its like, which JSON
may hold unescaped, so a message with one would come apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LINE_END: Final = re.compile(rb"\r\n|\n|\r(?!\Z)")  # a CR at the very end may be half of a CR LF


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One event. ``id`` is the last one seen on the stream, ``new_id`` tells whether this event set it."""

    event: str
    data: str
    id: str | None
    new_id: bool
    retry_ms: int | None = None


class Parser:
    """Turns bytes, however they are cut, into events; one cut short by the end is never given."""

    def __init__(self) -> None:
        self._buffer = b""
        self._fields = _Fields()

    def feed(self, chunk: bytes) -> list[Frame]:
        """Return the events that ``chunk`` completes: each as soon as its blank line is there."""
        *lines, self._buffer = _LINE_END.split(self._buffer + chunk)
        taken = (self._fields.take(line.decode(errors="replace")) for line in lines)
        return [frame for frame in taken if frame is not None]


class _Fields:
    """Collects fields until a blank line."""

    def __init__(self) -> None:
        self._last_id: str | None = None
        self._retry_ms: int | None = None
        self._clear()

    def _clear(self) -> None:
        self._event, self._new_id = "message", False
        self._data: list[str] = []

    def take(self, line: str) -> Frame | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")  # a comment has an empty name
        self._field(name, value.removeprefix(" "))
        return None

    def _field(self, name: str, value: str) -> None:
        match name:
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self._last_id, self._new_id = value or None, True
            case "retry" if value.isascii() and value.isdigit():
                self._retry_ms = int(value)

    def _dispatch(self) -> Frame | None:
        frame = Frame(
            event=self._event,
            data="\n".join(self._data),
            id=self._last_id,
            new_id=self._new_id,
            retry_ms=self._retry_ms,
        )
        empty = not self._data
        self._clear()
        return None if empty else frame
