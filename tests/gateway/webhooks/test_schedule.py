"""The retry schedule of failed deliveries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest

from gateway.webhooks.schedule import ATTEMPTS, LONGEST_S, retry_after_s, wait_s

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_waits_are_those_of_the_specification():
    clock, at = NOW, []
    for attempts in range(1, ATTEMPTS + 1):
        wait = wait_s(attempts, spread=lambda: 0.0)
        at.append(clock - NOW)
        if wait is not None:
            clock += timedelta(seconds=wait)
    steps = [later - earlier for earlier, later in pairwise(at)]
    assert steps == [
        timedelta(seconds=5),
        timedelta(minutes=5),
        timedelta(minutes=30),
        *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
    ]
    assert wait_s(ATTEMPTS) is None


def test_jitter_adds_at_most_a_fifth():
    waits = {wait_s(2) for _ in range(200)}
    assert len(waits) > 100
    assert all(300 <= wait <= 360 for wait in waits)


def test_retry_after_only_lengthens_the_wait_up_to_a_day():
    assert wait_s(1, 60, spread=lambda: 0) == 60
    assert wait_s(3, 60, spread=lambda: 0) == 1800
    assert wait_s(1, 10**9, spread=lambda: 0) == LONGEST_S
    assert wait_s(ATTEMPTS, 60) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        (format_datetime(NOW + timedelta(minutes=2), usegmt=True), 120),
        (format_datetime(NOW - timedelta(minutes=2), usegmt=True), 0),
        (None, None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("9" * 400, 999_999_999),
    ],
)
def test_retry_after_is_parsed(header, seconds):
    assert retry_after_s(header, NOW) == seconds
