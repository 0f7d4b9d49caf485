"""Ids derived from other ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, uuid4

from bus.contract import ids


def test_at_time_makes_a_deterministic_version_7_id_of_that_time() -> None:
    when = datetime(2026, 3, 1, 12, tzinfo=UTC)
    event = ids.event_id(uuid4(), "generation.completed.v1")
    made = ids.at_time(event, when)
    assert made == ids.at_time(event, when)
    assert (made.version, made.variant) == (7, RFC_4122)
    assert made != ids.at_time(ids.event_id(uuid4(), "generation.completed.v1"), when)
    later = [ids.at_time(uuid4(), when + timedelta(milliseconds=ms)) for ms in range(50)]
    assert later == sorted(later)
    assert made.int >> 80 == later[0].int >> 80 == 1_772_366_400_000
