"""Dead letters: jobs that failed after their last attempt."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A dead letter; ``subject`` is its generation or export, where that could be read."""

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
    """With its position in Kafka and the command; None where the bytes were not JSON."""

    origin_topic: str | None = None
    partition: int
    offset: int
    command: Any = None


class DeadLetterPage(Struct, frozen=True, kw_only=True):
    """Newest first; ``next_cursor`` None is the end."""

    items: list[DeadLetter]
    next_cursor: str | None = None


class Redriven(Struct, frozen=True, kw_only=True):
    """The new job that replaces the dead letter's."""

    redriven_as: str
    message: str
