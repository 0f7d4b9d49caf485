"""`GenerateRequest` from a form and from JSON: the same fields, errors and fingerprints."""

from __future__ import annotations

import json
from uuid import UUID

import msgspec
import pytest

from bus.contract.limits import MAX_METADATA_BYTES
from bus.contract.messages import Priority
from gateway.errors import DomainError
from gateway.scenes.generate_request import MAX_METADATA_DEPTH, GenerateRequest, UploadForm
from gateway.scenes.schemas import GenerateIn

ADDRESS = "https://example.com/a.jpg"
HOOK = "https://example.com/hook"


def nested(levels: int) -> dict[str, object]:
    """Return metadata of `levels` nested objects."""
    value: dict[str, object] = {}
    for _ in range(levels - 1):
        value = {"a": value}
    return value


def raw(value) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def test_a_form_and_a_json_body_give_the_same_request() -> None:
    texts = {
        "metadata": '{"room": "hall"}',
        "priority": "bulk",
        "focal_length_px": " 900 ",
        "webhook_url": HOOK,
    }
    form = GenerateRequest.from_form(UploadForm(photo=b"photo", filename="a.jpg", texts=texts))
    body = GenerateIn(
        image_url=ADDRESS,
        metadata=msgspec.Raw(b'{"room": "hall"}'),
        priority=Priority.BULK,
        focal_length_px=900,
        webhook_url=HOOK,
    )
    other = GenerateRequest.from_json(body)
    assert (form.source, form.file_name, other.source) == (b"photo", "a.jpg", ADDRESS)
    for request in (form, other):
        assert (request.metadata, request.priority) == ({"room": "hall"}, Priority.BULK)
        assert (request.focal_length_px, request.focal_length_mm, request.webhook_url) == (900.0, None, HOOK)


@pytest.mark.parametrize("texts", [{}, dict.fromkeys(("metadata", "priority", "focal_length_px"), "")])
def test_empty_fields_of_a_form_are_absent(texts) -> None:
    request = GenerateRequest.from_form(UploadForm(photo=b"", texts=texts | {"webhook_url": "  "}))
    assert (request.metadata, request.priority, request.focal_length_px) == (None, "interactive", None)
    assert request.webhook_url is None


@pytest.mark.parametrize(
    ("fields", "code", "sentence"),
    [
        ({}, "source_invalid", "Give either image_url or upload_id, or send a form."),
        ({"image_url": ADDRESS, "upload_id": UUID(int=7)}, "source_invalid",
         "Give either image_url or upload_id, or send a form."),
        ({"image_url": ADDRESS, "metadata": raw({"a": "x" * MAX_METADATA_BYTES})}, "metadata_too_large",
         f"The metadata has more than {MAX_METADATA_BYTES} bytes."),
        ({"image_url": ADDRESS, "metadata": raw(nested(MAX_METADATA_DEPTH + 1))}, "metadata_invalid",
         f"The metadata nests deeper than {MAX_METADATA_DEPTH} levels."),
        ({"image_url": ADDRESS, "metadata": raw({"a\0": 1})}, "metadata_invalid",
         "The metadata must not contain the character U+0000."),
        ({"image_url": ADDRESS, "focal_length_mm": 0.5}, "focal_length_invalid",
         "focal_length_mm must be a number from 1 to 5000."),
        ({"image_url": ADDRESS, "focal_length_px": 2e6}, "focal_length_invalid",
         "focal_length_px must be a number from 1 to 1e+06."),
    ],
)  # fmt: skip
def test_a_wrong_body_has_its_code_and_sentence(fields, code, sentence) -> None:
    with pytest.raises(DomainError) as error:
        GenerateRequest.from_json(GenerateIn(**fields))
    assert (error.value.code, error.value.message) == (code, sentence)


@pytest.mark.parametrize(
    ("texts", "code", "sentence"),
    [
        ({"metadata": "[1]"}, "metadata_invalid",
         'The metadata must be a JSON object such as {"room": "kitchen"}.'),
        ({"metadata": "[", "priority": "now"}, "metadata_invalid",
         "The metadata is not JSON: Input data was truncated."),
        ({"priority": "now", "focal_length_px": "wide"}, "priority_invalid",
         "The priority must be 'interactive' or 'bulk'."),
        ({"focal_length_px": "wide"}, "focal_length_invalid",
         "focal_length_px must be a number from 1 to 1e+06."),
    ],
)  # fmt: skip
def test_a_wrong_form_has_its_code_and_sentence(texts, code, sentence) -> None:
    with pytest.raises(DomainError) as error:
        GenerateRequest.from_form(UploadForm(photo=b"photo", texts=texts))
    assert (error.value.code, error.value.message) == (code, sentence)


def test_metadata_at_the_limits_is_accepted() -> None:
    most = {"a": "x" * (MAX_METADATA_BYTES - len('{"a":""}'))}
    for metadata in (nested(MAX_METADATA_DEPTH), most):
        body = GenerateIn(image_url=ADDRESS, metadata=raw(metadata))
        assert GenerateRequest.from_json(body).metadata == metadata


AS_SENT = [
    '{"a": [9e307, 1e308, -0.0, 1.50, 1E2, 12345678901234567890]}',
    ' {"b" : 1,\t"b": 2 }\r\n',
    '{"z": "\\u00e9\\/", "é": "e\u0301", "a": {}}',
    "{}",
]


@pytest.mark.parametrize("text", AS_SENT)
def test_metadata_are_kept_byte_for_byte(text) -> None:
    form = GenerateRequest.from_form(UploadForm(photo=b"", texts={"metadata": text}))
    body = msgspec.json.decode(f'{{"image_url": "{ADDRESS}", "metadata":{text}}}', type=GenerateIn)
    assert form.metadata_text == text
    assert GenerateRequest.from_json(body).metadata_text == text.strip()


@pytest.mark.parametrize("text", ["null", " null "])
def test_no_metadata_are_none(text) -> None:
    assert GenerateRequest.from_form(UploadForm(photo=b"", texts={"metadata": text})).metadata_text is None
    body = msgspec.json.decode(f'{{"image_url": "{ADDRESS}", "metadata":{text}}}', type=GenerateIn)
    assert GenerateRequest.from_json(body).metadata_text is None


@pytest.mark.parametrize("text", ["[1]", "1", '"a"', "true"])
def test_metadata_of_another_kind_are_refused(text) -> None:
    body = msgspec.json.decode(f'{{"image_url": "{ADDRESS}", "metadata":{text}}}', type=GenerateIn)
    with pytest.raises(DomainError) as error:
        GenerateRequest.from_json(body)
    assert error.value.code == "validation_failed"


FORMS = {
    "form: the photo alone": UploadForm(photo=b"photo"),
    "form: all": UploadForm(
        photo=b"photo",
        filename="any.jpg",
        texts={
            "priority": "bulk",
            "metadata": ' {"room": "kitchen"} ',
            "focal_length_px": "900",
            "focal_length_mm": "",
            "webhook_url": f" {HOOK} ",
        },
    ),
}
BODIES: dict[str, dict[str, object]] = {
    "json: the address alone": {"image_url": ADDRESS},
    "json: all": {
        "upload_id": str(UUID(int=7)),
        "metadata": {"room": "Küche", "n": [1, 2.5, None]},
        "focal_length_px": 900,
        "focal_length_mm": 24.5,
        "priority": "bulk",
        "webhook_url": HOOK,
    },
    "json: empty metadata": {"image_url": ADDRESS, "metadata": {}},
}
DIGESTS = {
    "form: the photo alone": "56399e98071d5e683d62d9ec84fb335dcfcc173d0c8a3e8986bd0731347eedb7",
    "form: all": "51ebb4336988211ac040c2b6bdf87955cc3514f62f154ffd4e836d25ebcdb591",
    "json: the address alone": "58f0dd550d2ecfe1a515dd4dec4e354189c4edaf5e95dd4456a1388638b20d91",
    "json: all": "22757d9043d767dbbe3ff3e6ad3b82a8f279e33e5e56daa85f60b8a6953f3eed",
    "json: empty metadata": "06eb0a7242fd7e590976f70e1cecc47ce3e46d0fc37862e35e0bd72c9d99233b",
}
"""As computed by the releases that turned a JSON body into the texts of a form first."""


async def test_fingerprints_are_those_of_earlier_releases() -> None:
    """An idempotency key that was used before an upgrade gets its first answer after it."""
    made = {name: GenerateRequest.from_form(form) for name, form in FORMS.items()}
    for name, fields in BODIES.items():
        body = msgspec.json.decode(json.dumps(fields), type=GenerateIn)
        made[name] = GenerateRequest.from_json(body)
    assert {name: (await request.fingerprint()).hex() for name, request in made.items()} == DIGESTS
