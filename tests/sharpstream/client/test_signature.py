from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook, webhooks

from sharpstream.client import ServiceError, verify_webhook

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = json.dumps(
    {"specversion": "1.0", "id": "e-1", "type": "generation.completed.v1", "subject": "g-1", "data": {"n": 1}}
)


SHARED: dict[str, Any] = json.loads(
    (Path(__file__).parents[3] / "clients" / "webhook_vectors.json").read_text()
)
"""What the TypeScript client is held to as well."""


class Then(datetime):
    """The clock, stopped when the shared signatures were made."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Then:
        return cls.fromtimestamp(SHARED["now"], tz)


@pytest.mark.parametrize("vector", SHARED["vectors"], ids=lambda vector: vector["what"])
def test_both_clients_agree_on_signatures(vector: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "datetime", Then)
    body = vector["body"].encode()
    if vector["genuine"]:
        assert verify_webhook(body, vector["headers"], vector["secret"]).type == "generation.completed.v1"
        return
    with pytest.raises(ServiceError, match="not genuine"):
        verify_webhook(body, vector["headers"], vector["secret"])


def headers(secret: str = SECRET, body: str = BODY, age_s: float = 0) -> dict[str, str]:
    when = datetime.now(UTC) - timedelta(seconds=age_s)
    return {
        "Webhook-Id": "e-1",
        "Webhook-Timestamp": str(int(when.timestamp())),
        "Webhook-Signature": Webhook(secret).sign("e-1", when, body),
    }


def test_a_genuine_one_is_read() -> None:
    event = verify_webhook(BODY.encode(), headers(), SECRET)
    assert (event.id, event.type, event.subject, event.data) == (
        "e-1",
        "generation.completed.v1",
        "g-1",
        {"n": 1},
    )
    assert event.ends


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (BODY.replace("1.0", "1.1"), headers()),
        (BODY, headers(secret="whsec_" + "AAAA9r8GKYqrTwjUPD8ILPZIo2LaLaSw")),
        (BODY, headers(age_s=3600)),
        (BODY, {}),
        (b"\xff\xfe", headers()),
        ("[]", headers(body="[]")),
    ],
)
def test_anything_else_is_refused(body: bytes | str, sent: dict[str, str]) -> None:
    with pytest.raises(ServiceError) as caught:
        verify_webhook(body, sent, SECRET)
    assert caught.value.code == "signature_invalid"
