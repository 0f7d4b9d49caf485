"""When a delivery that failed is tried again: the waits of the Standard Webhooks specification."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3600
WAITS_S: Final = (5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR)
"""After the first failed attempt, the second, ...; after the tenth there is none: 75.6 hours in all."""
ATTEMPTS: Final = len(WAITS_S) + 1
JITTER: Final = 0.2
"""A wait is longer by up to this part, so that what failed together does not come back together."""
LONGEST_S: Final = 24 * HOUR
"""What a receiver may ask for with Retry-After."""


def wait_s(
    attempts: int, retry_after_s: float | None = None, *, spread: Callable[[], float] = random.random
) -> float | None:
    """Return how long to wait after so many failed attempts; None to give up.

    A receiver's Retry-After makes the wait longer, up to a day, never shorter.
    """
    if attempts >= ATTEMPTS:
        return None
    asked = min(retry_after_s or 0, LONGEST_S)
    return max(WAITS_S[attempts - 1], asked) * (1 + JITTER * spread())


def retry_after_s(header: str | None, now: datetime) -> float | None:
    """Return the seconds that a Retry-After header asks for: a number or an HTTP date; None for nonsense."""
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
