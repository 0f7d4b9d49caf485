"""An event's body has the same bytes from Kafka and from the event log, in every channel."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID, uuid4

import pytest

from bus.contract import topics
from bus.contract.envelope import record
from bus.contract.messages import ApiKeyCreated
from gateway.streaming.cursor import Cursor, parse, text_of
from gateway.streaming.event import from_record, from_row, opening

ACCOUNT = uuid4()


def record_and_value(value: bytes | None = None):
    message = ApiKeyCreated(api_key_id=uuid4(), account_id=ACCOUNT)
    at = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=timezone(timedelta(hours=2)))
    out = record(topics.EVENTS, message, key=ACCOUNT, source="/test", time=at)
    return out, value or out.value


@pytest.mark.parametrize("value", [None, b'{\r\n "type": "x",\n "text": "a\\nb"}'])
def test_the_frame_from_kafka_equals_the_frame_from_the_log(value):
    out, value = record_and_value(value)
    cursor = Cursor(1, 2, 3)
    heard = from_record(cursor, key=out.key, value=value, headers=out.headers)
    headers = {name: raw.decode() for name, raw in out.headers}
    read = from_row(
        {
            "epoch": 1,
            "partition": 2,
            "offset": 3,
            "event_id": UUID(headers["ce_id"]),
            "type": headers["ce_type"],
            "subject": UUID(headers["ce_subject"]),
            "account_id": ACCOUNT,
            "source": headers["ce_source"],
            "time": datetime.fromisoformat(headers["ce_time"]).astimezone(UTC),
            "body": value.decode(),
        }
    )
    assert heard.body_json == read.body_json
    assert (
        heard.frame
        == read.frame
        == b"id: 1-2-3\nevent: %s\ndata: %s\n\n"
        % (
            heard.type.encode(),
            heard.body_json,
        )
    )
    assert not set(b"\r\n") & set(heard.body_json)
    body = json.loads(heard.body_json)
    assert body["data"] == json.loads(value)
    assert (body["cursor"], body["time"]) == ("1-2-3", "2026-01-02T01:04:05.000678Z")
    assert heard.account_id == read.account_id


def test_progress_has_neither_id_nor_cursor():
    out, value = record_and_value()
    event = from_record(None, key=out.key, value=value, headers=out.headers)
    assert event.frame.startswith(b"event: ")
    assert "cursor" not in json.loads(event.body_json)


def test_the_opening_sets_an_id_and_shows_no_event():
    waits = set()
    for _ in range(50):
        lines = opening("1-2-3").decode().split("\n")
        assert lines[1:] == ["id: 1-2-3", "", ""]
        waits.add(int(lines[0].removeprefix("retry: ")))
    assert len(waits) > 1  # clients do not all reconnect at once
    assert all(1000 <= wait <= 4000 for wait in waits)
    assert b"id:" not in opening(None)


def test_a_position_before_the_first_offset_has_a_cursor():
    assert text_of((1, -1), 5) == "0"
    before = parse(text_of((2, -1), 5), epoch=2, partition=5)
    assert (1, 10**17) < before.position < (2, 0)
