"""Makes, encrypts and decrypts the secrets that sign webhooks.

Signing needs the secret in plain text, so it cannot be hashed. It is encrypted with AES-256-GCM under a key
outside the database, so a dump cannot sign. The owner's id is authenticated, so secrets cannot be swapped.
"""

from __future__ import annotations

import base64
import os
import secrets
from contextlib import suppress
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
from bus.runtime.secret_numbers import number_of
from gateway.settings import WebhookSettings

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
    """Encrypts secrets with a key derived from ``WEBHOOKS_KEY``, whose ``number`` names it in rows.

    Decrypts them with that key or with the ``other`` one, while the key is being changed.
    """

    def __init__(self, key: SecretStr, other: SecretStr | None = None) -> None:
        self._ciphers = [_cipher(each) for each in (key, other) if each]
        self.number = number_of(key)

    @classmethod
    def of(cls, settings: WebhookSettings) -> Sealer:
        """Return it with the keys of the settings."""
        return cls(settings.key, settings.previous_key)

    def is_current(self, sealed: bytes, owner: UUID) -> bool:
        """Return whether the current key opens it."""
        try:
            self._ciphers[0].decrypt(sealed[:_NONCE], sealed[_NONCE:], owner.bytes)
        except InvalidTag:
            return False
        return True

    def seal(self, secret: str, owner: UUID) -> bytes:
        """Return the encrypted secret for the database, bound to this endpoint or account."""
        nonce = os.urandom(_NONCE)
        return nonce + self._ciphers[0].encrypt(nonce, secret.encode(), owner.bytes)

    def open(self, sealed: bytes, owner: UUID) -> str:
        """Return the decrypted secret. Raises `ConfigurationError` if it was sealed with another key."""
        for cipher in self._ciphers:
            with suppress(InvalidTag):
                return cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], owner.bytes).decode()
        raise ConfigurationError(
            "A webhook's secret was sealed with another WEBHOOKS_KEY; bring the old key back, or rotate"
            f" the secret of {owner}."
        )


def _cipher(key: SecretStr) -> AESGCM:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"sharpstream webhook secrets 1")
    return AESGCM(derived.derive(key.get_secret_value().encode()))
