from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bus.contract.envelope import OutRecord, header
from bus.contract.topics import EVENTS
from bus.kafka import retry
from bus.kafka.retry import OversizedResultError, Record, Routing
from bus.kafka.transactions import MAX_RECORD_BYTES
from bus.runtime.errors import PermanentError, SharpstreamError, TransientError, UndecodableError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
INPUT = replace(EVENTS, name="in")
RETRIES = [replace(EVENTS, name="retry-5", delay_ms=5_000), replace(EVENTS, name="retry-30", delay_ms=30_000)]
DEAD = replace(EVENTS, name="dead")
ENDING = OutRecord(topic="out", key=b"k", value=b"failed", headers=[])


def give_up(record: Record, error: SharpstreamError) -> Sequence[OutRecord]:
    return [replace(ENDING, headers=[("code", error.code.encode())])]


def routing() -> Routing:
    return Routing(retries=RETRIES, dead=DEAD, give_up=give_up, clock=lambda: NOW)


def record(attempt: int = 1, headers: Sequence[tuple[str, bytes]] = (("ce_id", b"1"),)) -> Record:
    return Record(
        topic=INPUT,
        partition=3,
        offset=7,
        key=b"k",
        value=b"\xffnot json",
        headers=headers,
        timestamp=NOW,
        attempt=attempt,
    )


def as_read(out: OutRecord, *, offset: int = 99) -> Record:
    """Return a published record as the next attempt reads it."""
    topic = next(topic for topic in (*RETRIES, DEAD) if topic.name == out.topic)
    return replace(
        record(retry.attempt_of(out.headers), out.headers),
        topic=topic,
        offset=offset,
        not_before=retry.not_before_of(out.headers),
    )


def test_a_transient_error_passes_all_retry_topics_before_it_is_parked() -> None:
    (first,) = routing().after(record(), TransientError("S3 sleeps", code="blob_store_unavailable"))
    assert (first.topic, first.key, first.value) == ("retry-5", b"k", b"\xffnot json")
    assert retry.attempt_of(first.headers) == 2
    assert retry.not_before_of(first.headers) == NOW + timedelta(seconds=5)
    assert header(first.headers, "ce_id") == "1"
    assert header(first.headers, retry.CODE) == "blob_store_unavailable"
    assert header(first.headers, retry.REASON) == "S3 sleeps"
    (second,) = routing().after(as_read(first), TransientError("again"))
    assert second.topic == "retry-30"
    assert retry.not_before_of(second.headers) == NOW + timedelta(seconds=30)
    parked, ending = routing().after(as_read(second), TransientError("still"))
    assert (parked.topic, parked.value) == ("dead", b"\xffnot json")
    assert header(parked.headers, retry.ATTEMPT) == "3"
    assert header(parked.headers, retry.NOT_BEFORE) is None
    # The origin is the first topic, and each header occurs once.
    assert header(parked.headers, retry.ORIGIN_TOPIC) == "in"
    assert header(parked.headers, retry.ORIGIN_PARTITION) == "3"
    assert header(parked.headers, retry.ORIGIN_OFFSET) == "7"
    assert len({name for name, _ in parked.headers}) == len(parked.headers)
    assert ending.value == b"failed"


def test_a_permanent_error_ends_the_job_at_once() -> None:
    (ending,) = routing().after(record(), PermanentError("not a photo", code="not_an_image"))
    assert (ending.topic, header(ending.headers, "code")) == ("out", "not_an_image")


def test_an_undecodable_record_is_parked_and_ended() -> None:
    parked, ending = routing().after(record(), UndecodableError("no ce_type"))
    assert (parked.topic, ending.topic) == ("dead", "out")


def test_an_unexpected_exception_is_retried() -> None:
    (again,) = routing().after(record(), KeyError("x"))
    assert again.topic == "retry-5"
    assert header(again.headers, retry.CODE) == "internal"
    assert header(again.headers, retry.REASON) == "KeyError('x')"


@pytest.mark.parametrize("error", [PermanentError("wrong"), UndecodableError("unreadable")])
def test_a_record_is_parked_without_an_ending_when_give_up_fails(error: SharpstreamError) -> None:
    def broken(record: Record, error: SharpstreamError) -> Sequence[OutRecord]:
        raise ValueError("cannot tell whose it is")

    (parked,) = replace(routing(), give_up=broken).after(record(), error)
    assert parked.topic == "dead"


def test_a_long_reason_is_cut() -> None:
    (again,) = routing().after(record(), TransientError("x" * 10_000))
    assert len(header(again.headers, retry.REASON) or "") == retry.REASON_CHARACTERS


def test_an_oversized_record_is_parked_without_its_value() -> None:
    large = replace(record(), value=b"x" * 2 * MAX_RECORD_BYTES)
    parked, ending = routing().after(large, TransientError("S3 sleeps"))
    assert (parked.topic, parked.value, ending.topic) == ("dead", b"", "out")
    assert header(parked.headers, retry.ORIGIN_OFFSET) == "7"


def test_an_oversized_result_is_a_permanent_error() -> None:
    large = replace(ENDING, value=b"x" * MAX_RECORD_BYTES)
    with pytest.raises(OversizedResultError):
        routing().check([ENDING, large])
    assert routing().check((ENDING,)) == [ENDING]


@pytest.mark.parametrize("nonsense", [b"", b"-1", b"x", b"1.5", "²".encode()])
def test_invalid_retry_headers_mean_a_first_attempt_that_is_due(nonsense: bytes) -> None:
    assert retry.attempt_of([(retry.ATTEMPT, nonsense)]) == 1
    assert retry.not_before_of([(retry.NOT_BEFORE, nonsense)]) is None
