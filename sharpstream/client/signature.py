"""Verifies webhooks for their receivers, and returns their events."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from sharpstream.client.errors import ServiceError
from sharpstream.client.models import Event


def verify_webhook(body: bytes | str, headers: Mapping[str, str], secret: str) -> Event:
    """Return the event of a webhook's request, after making sure that it is genuine and recent.

    ``body`` is the request's body as received, unparsed; ``secret`` the endpoint's ``whsec_...``. Delivery
    is at-least-once: deduplicate by `Event.id`. Raises `ServiceError` signature_invalid: answer 400 then.
    """
    text = body.decode(errors="replace") if isinstance(body, bytes) else body
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        Verifier(secret).verify(text, lower)
        return msgspec.json.decode(text, type=Event)
    except (WebhookVerificationError, ValueError) as error:  # msgspec's errors are ValueErrors
        raise ServiceError("signature_invalid", f"The webhook is not genuine: {error}.") from error
