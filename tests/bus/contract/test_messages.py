from __future__ import annotations

import re
from typing import get_args

import msgspec
import pytest

from bus.contract import ids, messages, topics
from tests.bus.samples import ALL, EXPORT, JOB, KEY

by_type = pytest.mark.parametrize("message", ALL, ids=messages.type_of)


def test_there_is_a_sample_of_each_type() -> None:
    assert {type(message) for message in ALL} == set(get_args(messages.AnyMessage))


@by_type
def test_encoding_and_decoding_round_trip(message: messages.AnyMessage) -> None:
    raw = msgspec.json.encode(message)
    assert msgspec.json.decode(raw, type=messages.AnyMessage) == message
    for field in msgspec.structs.fields(message):  # else a lost field would go unnoticed above
        assert getattr(message, field.name) != field.default, field.name


@by_type
def test_tags_are_noun_verb_version(message: messages.AnyMessage) -> None:
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+\.v[1-9]\d*", messages.type_of(message))


@by_type
def test_fields_of_a_later_version_are_ignored(message: messages.AnyMessage) -> None:
    later = msgspec.json.decode(msgspec.json.encode(message)) | {"added_later": {"x": 1}}
    assert msgspec.json.decode(msgspec.json.encode(later), type=type(message)) == message


@by_type
def test_optional_fields_may_be_absent(message: messages.AnyMessage) -> None:
    required = {field.name for field in msgspec.structs.fields(message) if field.required}
    whole = msgspec.json.decode(msgspec.json.encode(message))
    short = {key: value for key, value in whole.items() if key in required | {"type"}}
    decoded = msgspec.json.decode(msgspec.json.encode(short), type=type(message))
    assert all(getattr(decoded, name) == getattr(message, name) for name in required)


def test_messages_are_frozen() -> None:
    with pytest.raises(AttributeError):
        ALL[0].account_id = KEY  # type: ignore[misc]


def test_subjects() -> None:
    expected = {"generation": JOB, "export": EXPORT, "api_key": KEY, "webhook": KEY, "command": KEY}
    for message in ALL:
        assert messages.subject_of(message) == expected[messages.type_of(message).partition(".")[0]]


def test_no_event_of_the_log_has_a_field_for_personal_data() -> None:
    personal = re.compile(r"mail|first_name|last_name|address|phone|user_?agent|\bip\b|file_?name|exif")
    for kind in topics.EVENTS.types:
        names = [field.name for field in msgspec.structs.fields(kind)]
        assert not [name for name in names if personal.search(name)], kind


def test_event_ids_depend_on_subject_and_type_alone() -> None:
    first = ids.event_id(JOB, "generation.completed.v1")
    assert first == ids.event_id(str(JOB), "generation.completed.v1")
    others = [
        ids.event_id(EXPORT, "generation.completed.v1"),
        ids.event_id(JOB, "generation.failed.v1"),
        ids.event_id(JOB, "generation.completed.v1", "part"),
        ids.event_id(JOB, "generation.completed.v1par", "t"),
    ]
    assert len({first, *others}) == 5
    assert (first.version, str(first)) == (
        5,
        "f3c43892-826d-5996-bfa5-ef747fd59a80",
    )  # part of the contract: never changes


def test_new_ids_are_version_7_and_ordered_by_time() -> None:
    made = [ids.new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {(i.version, i.variant) for i in made} == {(7, "specified in RFC 4122")}
    stamps = [i.int >> 80 for i in made]
    assert stamps == sorted(stamps)
