"""The retry schedule of failed deliveries, as the Standard Webhooks specification recommends."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600
WAITS_S: Final = (5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""Waits after the first failed attempt, the second, and so on; 75.6 hours in all, none after the tenth."""
ATTEMPTS: Final = len(WAITS_S) + 1
JITTER: Final = 0.2
"""A wait is extended by up to this fraction, so that simultaneous failures are not retried together."""
LONGEST_S: Final = 24 * HOUR
"""The longest Retry-After that is honoured."""


def wait_s(
    attempts: int, retry_after_s: float | None = None, *, spread: Callable[[], float] = random.random
) -> float | None:
    """Return the seconds to wait after so many failed attempts, or None to give up.

    A receiver's Retry-After can only extend the wait, up to a day.
    """
    if attempts >= ATTEMPTS:
        return None
    asked = min(retry_after_s or 0, LONGEST_S)
    return max(WAITS_S[attempts - 1], asked) * (1 + JITTER * spread())


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header, a number or an HTTP date; None if it is invalid."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, IndexError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - now).total_seconds())
