"""Dead letters: jobs that were given up on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct


class DeadLetter(Struct, frozen=True, kw_only=True):
    """One of them; ``subject`` is its generation or export, where that could be read."""

    id: str
    topic: str
    code: str
    reason: str
    attempts: int
    state: str
    subject: str | None = None
    account_id: str | None = None
    dead_at: datetime | None = None
    settled_at: datetime | None = None
    settled_by: str | None = None
    redriven_as: str | None = None


class DeadLetterWithCommand(DeadLetter, frozen=True, kw_only=True):
    """With its place in Kafka and the command; None where the bytes were no JSON."""

    origin_topic: str | None = None
    partition: int
    offset: int
    command: Any = None


class DeadLetterPage(Struct, frozen=True, kw_only=True):
    """Newest first; ``next_cursor`` None is the end."""

    items: list[DeadLetter]
    next_cursor: str | None = None


class Redriven(Struct, frozen=True, kw_only=True):
    """The new job that takes the dead one's place."""

    redriven_as: str
    message: str
