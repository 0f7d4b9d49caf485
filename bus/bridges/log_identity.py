"""Whether Kafka's log is the one that was read before; another one under the same epoch is never read.

Its offsets mean other records, so a projector would skip some and apply others twice, and a relay would add
to a log that lacks the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from bus.runtime.errors import SharpstreamError

WAY_ON: Final = (
    "Put back the log that belongs to the database, or begin a new topic epoch: docs/operations/README.md."
)


class LogReplacedError(SharpstreamError):
    """A topic was made anew under the epoch of its predecessor."""

    code = "log_replaced"


def require_same(known: Iterable[tuple[str, UUID | None]], found: Mapping[str, UUID]) -> None:
    """Raise `LogReplacedError` where a topic has another id than the one that is remembered."""
    for topic, topic_id in known:
        if topic_id is not None and found.get(topic, topic_id) != topic_id:
            raise LogReplacedError(
                f"The topic {topic} is another one than was read before: its id was {topic_id} and is"
                f" {found[topic]}. Nothing more is read or written. {WAY_ON}"
            )
