"""The ledger's Prometheus metrics."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter

EVENTS: Final = Counter(
    "sharpstream_ledger_events_total", "Events written into the log, by CloudEvents type.", ["type"]
)
REPEATED: Final = Counter("sharpstream_ledger_repeated_total", "Events that were in the log already.")
PARKED: Final = Counter(
    "sharpstream_ledger_parked_total",
    "Records that could not be projected; see parked_events.",
    ["projector"],
)
DEAD: Final = Counter(
    "sharpstream_ledger_dead_total", "Jobs that failed after their last attempt; see dead_letters."
)
LOST: Final = Counter(
    "sharpstream_ledger_lost_total", "Jobs ended because their command is gone from Kafka.", ["kind"]
)
UNMATCHED_ENDINGS: Final = Counter(
    "sharpstream_ledger_unmatched_endings_total", "Endings of generations that are unknown or ended before."
)
