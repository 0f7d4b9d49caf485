"""Decides whether a failed call is retried, and after how long. The clients sleep."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bus.runtime.backoff import Backoff
from sharpstream.client.errors import UNREACHABLE, ServiceError
from sharpstream.client.request import Call

FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0
_IN_PROGRESS: Final = "idempotency_in_progress"
_DECLINED: Final = frozenset({429, 503})
"""The service accepted nothing, so any call may be retried."""
_UNKNOWN: Final = frozenset({500, 502, 504})
"""Whether the service acted is unknown, so only repeatable calls are retried."""


def backoff() -> Backoff:
    """Return the waits between attempts of one call or stream."""
    return Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, jitter=0.5)


def polling(first_s: float = FIRST_PAUSE_S, *, factor: float = 1.5) -> Backoff:
    """Return the waits between polls of an unfinished job."""
    return Backoff(first_s, LONGEST_PAUSE_S, factor=factor, jitter=0.2)


def asked(seconds: float) -> float:
    """Return the wait that the service asked for, up to a tenth longer, so that clients spread out."""
    return seconds + random.uniform(0, 0.1 * seconds)  # noqa: S311


@dataclass(frozen=True, kw_only=True, slots=True)
class Retries:
    """``most`` retries after failures; those that the service asks to wait for do not count.

    ``max_wait_s`` limits the total of the waits it asks for. ``on_pause`` is called before each pause.
    """

    most: int = 4
    max_wait_s: float = 120.0
    on_pause: Callable[[ServiceError, float], None] = lambda _error, _pause: None

    def begin(self, call: Call[Any]) -> Attempts:
        """Return the attempts of one call."""
        return Attempts(self, repeatable=call.repeatable)


class Attempts:
    """The attempts of one call."""

    def __init__(self, rules: Retries, *, repeatable: bool) -> None:
        self._rules, self._repeatable = rules, repeatable
        self._left, self._max_wait_s = rules.most, rules.max_wait_s
        self._backoff = backoff()

    def pause(self, error: ServiceError) -> float:
        """Return the seconds to wait before the next attempt. Raises ``error`` where there is none."""
        retry_after_s = error.retry_after_s
        if retry_after_s is not None and self._may(error):
            self._max_wait_s -= retry_after_s
            if self._max_wait_s < 0:
                raise error
            seconds = asked(retry_after_s)
        else:
            if not self._left or not self._may(error):
                raise error
            self._left -= 1
            seconds = self._backoff.next_s()
        self._rules.on_pause(error, seconds)
        return seconds

    def _may(self, error: ServiceError) -> bool:
        if error.status in _DECLINED or error.never_sent:
            return True
        unknown = error.code in {UNREACHABLE, _IN_PROGRESS} or error.status in _UNKNOWN
        return unknown and self._repeatable
