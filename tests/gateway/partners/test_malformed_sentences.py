"""No word of a sender is in the sentence that goes into the log of record, which is kept for ever.

Class: a decoder's message quotes what it could not decode. Members: values of enums, names of unknown fields,
values and keys of every type, text that imitates the decoder's own message. Source: sentences of msgspec in
`command.rejected.v1`.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bus.bridges.projection import RawRecord
from bus.contract.partners import GenerateCommand
from gateway.partners import commands
from gateway.partners.malformed_sentences import EXPECTED

WORDS = "Jane Doe, born 1970, jane@example.com"
IMITATED = "Jane - at `$.metadata`"
HEADERS = (("ce_specversion", b"1.0"), ("ce_id", b"1"), ("ce_type", b"generation.generate.v1"))


def refusal(value: bytes | None) -> str:
    record = RawRecord("partner.a.commands.v1", 0, 0, None, value, HEADERS, datetime.now(UTC))
    found = commands.read(record).refusal
    assert found is not None
    assert found.code == "command_malformed"
    return found.message


def test_every_field_has_its_sentence() -> None:
    assert set(EXPECTED) == set(GenerateCommand.__struct_fields__)


@pytest.mark.parametrize("words", [WORDS, IMITATED, "jane", "\n`$.x`"])
@pytest.mark.parametrize("field", EXPECTED)
def test_a_wrong_value_is_named_by_its_field_alone(field: str, words: str) -> None:
    wrong: object = words if field not in {"image_url", "webhook_url"} else {words: words}
    if field == "image_base64":
        wrong = words + "!"
    said = refusal(json.dumps({field: wrong}).encode())
    assert said == f"The field {field} must be {EXPECTED[field]}."


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            json.dumps({f"patient {WORDS}": 1}).encode(),
            "The body has a field that is not known; the fields are",
        ),
        (json.dumps({IMITATED: 1}).encode(), "The body has a field that is not known; the fields are"),
        (json.dumps([WORDS]).encode(), "The body must be a JSON object."),
        (json.dumps(WORDS).encode(), "The body must be a JSON object."),
        (WORDS.encode(), "The body is not JSON in UTF-8; it cannot be read at byte 0."),
        (b'{"metadata": {"' + WORDS.encode() + b'": \xff}}', "The body is not JSON in UTF-8"),
        (b'{"image_url": "' + WORDS.encode(), "The body is not JSON in UTF-8."),
        (b"[" * 100_000, "The body"),
        (b"", "The body is not JSON in UTF-8."),
        (None, "The body is not JSON in UTF-8."),
    ],
)
def test_other_bodies_are_described_without_their_words(value: bytes | None, sentence: str) -> None:
    said = refusal(value)
    assert said.startswith(sentence)
    assert not [word for word in ("Jane", "jane", "patient", "1970") if word in said]
