from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from bus.bridges.projection import raw_record
from bus.contract import envelope, ids, messages, topics
from bus.runtime.errors import UndecodableError
from tests.bus.samples import ACCOUNT, ALL, JOB, NOW

HOMES = [
    (message, next(topic for topic in topics.ALL if isinstance(message, topic.types))) for message in ALL
]
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
started = ALL[-2]


def made(**options: object) -> envelope.OutRecord:
    return envelope.record(topics.PROGRESS, started, key=ACCOUNT, source="/sharpstream/test", **options)


@pytest.mark.parametrize(("message", "topic"), HOMES, ids=lambda value: getattr(value, "name", ""))
def test_decode_returns_the_recorded_message(message: messages.AnyMessage, topic: topics.Topic) -> None:
    record = envelope.record(
        topic, message, key=ACCOUNT, source="/s", time=NOW, traceparent=TRACE, correlation_id="c-1"
    )
    assert (record.topic, record.key) == (topic.name, str(ACCOUNT).encode())
    read = envelope.decode(topic, record.value, record.headers)
    kind, subject = messages.type_of(message), messages.subject_of(message)
    assert read == envelope.Envelope(
        id=str(ids.event_id(subject, kind)),
        type=kind,
        source="/s",
        time=NOW,
        subject=str(subject),
        message=message,
        traceparent=TRACE,
        correlation_id="c-1",
    )


def test_headers_are_cloudevents_in_binary_mode() -> None:
    headers = dict(made().headers)
    assert headers["ce_specversion"] == b"1.0"
    assert headers["content-type"] == b"application/json"
    assert headers["ce_type"] == b"generation.started.v1"
    assert headers["ce_subject"] == str(JOB).encode()
    assert "traceparent" not in headers
    moment = datetime.fromisoformat(headers["ce_time"].decode())
    assert moment.utcoffset() == timedelta(0)


def test_the_id_is_deterministic_unless_one_is_given() -> None:
    assert dict(made().headers)["ce_id"] == dict(made(time=NOW).headers)["ce_id"]
    assert dict(made(event_id=JOB).headers)["ce_id"] == str(JOB).encode()


def test_a_message_of_another_topic_is_refused() -> None:
    with pytest.raises(TypeError, match=r"sharp\.events\.v1"):
        envelope.record(topics.EVENTS, started, key=ACCOUNT, source="/s")


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_source", "ce_time", "ce_subject"])
def test_a_missing_attribute_is_named(name: str) -> None:
    record = made()
    with pytest.raises(UndecodableError, match=name):
        envelope.decode(topics.PROGRESS, record.value, [pair for pair in record.headers if pair[0] != name])


@pytest.mark.parametrize(
    "value",
    [None, b"", b"{", b"[]", b'{"type":"unknown.type.v1"}', b'{"type":"generation.started.v1"}', b"\xff"],
)
def test_a_body_that_breaks_the_contract_is_undecodable(value: bytes | None) -> None:
    with pytest.raises(UndecodableError, match=r"sharp\.progress\.v1"):
        envelope.decode(topics.PROGRESS, value, made().headers)


def test_a_type_header_that_contradicts_the_body_is_undecodable() -> None:
    headers = [("ce_type", b"generation.progress.v1"), *made().headers]
    with pytest.raises(UndecodableError, match=r"generation\.progress"):
        envelope.decode(topics.PROGRESS, made().value, headers)


@pytest.mark.parametrize("time", [b"yesterday", b"", b"\xff\xfe"])
def test_an_invalid_time_is_undecodable(time: bytes) -> None:
    with pytest.raises(UndecodableError):
        envelope.decode(topics.PROGRESS, made().value, [("ce_time", time), *made().headers])


def test_the_first_of_duplicate_headers_is_used() -> None:
    record = made(time=NOW.astimezone(timezone(timedelta(hours=9))))
    doubled = [*record.headers, ("ce_source", b"/forged")]
    assert envelope.decode(topics.PROGRESS, record.value, doubled).source == "/sharpstream/test"
    assert envelope.header(doubled, "ce_source") == "/sharpstream/test"
    assert envelope.header(doubled, "none") is None
    assert envelope.decode(topics.PROGRESS, record.value, doubled).time.astimezone(UTC) == NOW


def test_a_null_header_is_read_as_empty():
    headers = envelope.present([("ce_id", None), ("other", None)])
    assert envelope.header(headers, "other") == ""
    with pytest.raises(UndecodableError):
        envelope.decode(topics.EVENTS, b"{}", headers)


def test_a_raw_record_has_no_null_headers():
    raw = SimpleNamespace(
        topic="t", partition=0, offset=0, key=None, value=None, headers=(("a", None),), timestamp=0
    )
    assert raw_record(raw).headers == [("a", b"")]
