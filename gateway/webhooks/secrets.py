"""Secrets that sign webhooks: made here, kept sealed, shown to their owner.

They must be had in the clear to sign, so a hash will not do; sealed with a key that the database does not
know (AES-256-GCM), a dump of it signs nothing. The owner's id is bound in, so no row can borrow another's.
"""

from __future__ import annotations

import base64
import os
import secrets
from datetime import datetime
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr
from standardwebhooks import Webhook

from bus.runtime.errors import ConfigurationError

PREFIX: Final = "whsec_"
_BYTES: Final = 32
"""Of a secret; the Standard Webhooks specification asks for 24 to 64."""
_NONCE: Final = 12


def make() -> str:
    """Return a new secret, ``whsec_`` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signature(keys: list[str], *, event_id: str, at: datetime, body: str) -> str:
    """Return the header ``webhook-signature``: one for each valid secret; ``at`` is aware and in UTC."""
    return " ".join(Webhook(key).sign(event_id, at, body) for key in keys)


class Sealer:
    """Seals and opens secrets with a key made from ``WEBHOOKS_KEY``."""

    def __init__(self, key: SecretStr) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=b"sharpstream webhook secrets 1")
        self._cipher = AESGCM(derived.derive(key.get_secret_value().encode()))

    def seal(self, secret: str, owner: UUID) -> bytes:
        """Return the secret as the database keeps it, for this endpoint or account alone."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), owner.bytes)

    def open(self, sealed: bytes, owner: UUID) -> str:
        """Return the secret. Raises `ConfigurationError` where it was sealed with another key."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], owner.bytes).decode()
        except InvalidTag as error:
            raise ConfigurationError(
                "A webhook's secret was sealed with another WEBHOOKS_KEY; bring the old key back, or rotate"
                f" the secret of {owner}."
            ) from error
