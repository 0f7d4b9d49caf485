"""Makes, encrypts and decrypts the secrets that sign webhooks.

Signing needs the secret in plain text, so it cannot be hashed. It is encrypted with AES-256-GCM under a key
outside the database, so a dump cannot sign. The owner's id is authenticated, so secrets cannot be swapped.
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
"""Length of a secret; the Standard Webhooks specification requires 24 to 64."""
_NONCE: Final = 12


def make() -> str:
    """Return a new secret, ``whsec_`` and base64."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_BYTES)).decode()


def signature(keys: list[str], *, event_id: str, at: datetime, body: str) -> str:
    """Return the ``webhook-signature`` header, one signature a valid secret; ``at`` is aware, in UTC."""
    return " ".join(Webhook(key).sign(event_id, at, body) for key in keys)


class Sealer:
    """Encrypts and decrypts secrets with a key derived from ``WEBHOOKS_KEY``."""

    def __init__(self, key: SecretStr) -> None:
        derived = HKDF(SHA256(), length=32, salt=None, info=b"sharpstream webhook secrets 1")
        self._cipher = AESGCM(derived.derive(key.get_secret_value().encode()))

    def seal(self, secret: str, owner: UUID) -> bytes:
        """Return the encrypted secret for the database, bound to this endpoint or account."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), owner.bytes)

    def open(self, sealed: bytes, owner: UUID) -> str:
        """Return the decrypted secret. Raises `ConfigurationError` if it was sealed with another key."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], owner.bytes).decode()
        except InvalidTag as error:
            raise ConfigurationError(
                "A webhook's secret was sealed with another WEBHOOKS_KEY; bring the old key back, or rotate"
                f" the secret of {owner}."
            ) from error
