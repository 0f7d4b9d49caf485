"""The ledger's Prometheus metrics."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge

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
EXCEPTIONS: Final = Gauge("sharpstream_ledger_exceptions", "Exceptions to an invariant; 0 is good.", ["rule"])
CHECKED: Final = Gauge(
    "sharpstream_ledger_checked_timestamp_seconds",
    "When the last complete check of an invariant ended; not there before the first one.",
    ["rule"],
)
CHECKS_FAILED: Final = Counter(
    "sharpstream_ledger_checks_failed_total",
    "Ranges of an invariant that could not be checked: timeout (tried again with half the rows) or error.",
    ["reason"],
)
LAG_RECORDS: Final = Gauge(
    "sharpstream_lag_records",
    "Offsets that a reader is behind a topic's end, with the markers of transactions; 0 without a record.",
    ["reader", "topic"],
)
LAG_SECONDS: Final = Gauge(
    "sharpstream_lag_seconds",
    "Age of the first record that a reader has not finished, less the delay of a retry topic.",
    ["reader", "topic"],
)
RETENTION: Final = Gauge(
    "sharpstream_topic_retention_seconds",
    "How long Kafka keeps the records of a topic; not there where it is for ever.",
    ["topic"],
)
LAG_MEASURED: Final = Gauge(
    "sharpstream_lag_measured_timestamp_seconds", "When the lag of all readers was measured last."
)
DEAD_OPEN: Final = Gauge(
    "sharpstream_dead_letters_open",
    "Dead letters that were neither redriven nor discarded, by topic.",
    ["topic"],
)
PARKED_OPEN: Final = Gauge(
    "sharpstream_parked_events", "Records that are parked, by projector.", ["projector"]
)
DATABASE_BYTES: Final = Gauge("sharpstream_database_bytes", "Bytes of the database, indexes included.")
for _reason in ("timeout", "error"):  # Prometheus sees no rise in a counter that appears with its first value
    CHECKS_FAILED.labels(_reason)
