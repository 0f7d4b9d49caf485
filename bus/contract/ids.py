"""Identifiers: random and time-ordered for jobs, deterministic for events.

A redelivered command must yield the same event id, so that readers can deduplicate.
"""

from __future__ import annotations

import secrets
import time
from datetime import datetime
from uuid import UUID, uuid5

EVENT_NAMESPACE = UUID("6f0f2c0e-8a3b-5d0b-9f0a-5a1d6c2f7e11")
"""The namespace of event ids; part of the contract: changing it changes every id."""


def new_id() -> UUID:
    """Return a UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random. B-trees stay compact."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds & ((1 << 48) - 1)) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76  # version 7
    value = value & ~(0x3 << 62) | 0x2 << 62  # variant 10
    return UUID(int=value)


def at_time(random_id: UUID, when: datetime) -> UUID:
    """Return ``random_id`` as a UUIDv7 of ``when``, which keeps insertions into a B-tree local."""
    milliseconds = int(when.timestamp() * 1000)
    kept = random_id.int & ~(0xF << 76) & ((1 << 80) - 1)
    return UUID(int=(milliseconds & ((1 << 48) - 1)) << 80 | 0x7 << 76 | kept)


def event_id(subject: UUID | str, event_type: str, *parts: str) -> UUID:
    """Return the UUIDv5 of (subject, type, parts); ``parts`` must not depend on the attempt."""
    return uuid5(EVENT_NAMESPACE, "\x1f".join((str(subject), event_type, *parts)))
