"""Prometheus metrics of the partners role."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

COMMANDS = Counter(
    "sharpstream_partner_commands", "Commands by outcome: accepted, rejected, repeated", ["outcome"]
)
REJECTED = Counter("sharpstream_partner_rejections", "Rejected commands by code", ["code"])
PARTITIONS = Gauge(
    "sharpstream_partner_partitions", "Partitions of partners' commands assigned to this process"
)
DELIVERED = Counter("sharpstream_partner_events", "Events written to partners' topics", ["type"])
UNREADABLE = Counter(
    "sharpstream_partner_unreadable_records", "Partners' records or batches that could not be decoded"
)
SUSPENDED = Counter("sharpstream_partner_suspensions", "Partners suspended by us, by reason", ["reason"])
