"""Prometheus metrics of webhooks; no label names a customer."""

from __future__ import annotations

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

FANNED: Final = Counter(
    "sharpstream_webhook_fanned_total", "Deliveries made from events, by CloudEvents type.", ["type"]
)
UNDECODABLE: Final = Counter(
    "sharpstream_webhook_undecodable_total", "Undecodable records; the ledger parks them."
)
ATTEMPTS: Final = Counter(
    "sharpstream_webhook_attempts_total",
    "Attempts by outcome: delivered, refused, redirected, gone, unreachable, timeout, address.",
    ["outcome"],
)
SECONDS: Final = Histogram(
    "sharpstream_webhook_seconds",
    "One attempt, from the connection to the answer's first kilobyte.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15),
)
LATENCY: Final = Histogram(
    "sharpstream_webhook_first_attempt_lag_seconds",
    "From the delivery's row to the end of its first attempt.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 3600),
)
DUE: Final = Gauge("sharpstream_webhook_due", "Deliveries that could be sent now (counted up to 100,000).")
LAG: Final = Gauge("sharpstream_webhook_lag_seconds", "How long the oldest due delivery has waited.")
OLDEST: Final = Gauge(
    "sharpstream_webhook_oldest_pending_seconds",
    "Age of the oldest pending delivery, also of one that waits for its next attempt (of 100,000 rows).",
)
ENDPOINTS: Final = Gauge(
    "sharpstream_webhook_endpoints",
    "Endpoints by state: active, failing (still active), disabled.",
    ["state"],
)
IN_FLIGHT: Final = Gauge("sharpstream_webhook_in_flight", "Attempts in flight in this process.")
GIVEN_UP: Final = Counter(
    "sharpstream_webhook_given_up_total", "Deliveries that failed for good, after the last attempt or a 410."
)
DISABLED: Final = Counter(
    "sharpstream_webhook_disabled_total", "Endpoints disabled by us, by reason.", ["reason"]
)
STALE: Final = Counter(
    "sharpstream_webhook_stale_total", "Results that came after the claim had lapsed; another attempt counts."
)

OUTCOMES: Final = ("delivered", "refused", "redirected", "gone", "unreachable", "timeout", "address")
# Prometheus sees no rise in a counter that appears with its first value; so all are there from the start.
for _outcome in OUTCOMES:
    ATTEMPTS.labels(_outcome)
for _reason in ("gone", "failing"):
    DISABLED.labels(_reason)
