"""API keys: 256 random bits, shown once, kept only as a keyed hash.

The hash is a fast one, because 256 bits cannot be guessed and every request computes it. Without the pepper a
stolen table cannot be used to check keys found elsewhere.

While the pepper is being changed there are two: what is written uses the current one, what is looked up may
have been written with either. Rows carry the number of theirs, which is derived from it: two gateways agree.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import string
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from bus.runtime.secret_numbers import number_of
from gateway.settings import GatewaySettings

_LETTERS: Final = string.ascii_lowercase + string.digits
_FORM: Final = re.compile(r"ss_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")


def well_formed(key: str) -> bool:
    """Return whether the text has the form of a key; other texts need no query."""
    return _FORM.fullmatch(key) is not None


def prefix_of(key: str) -> str:
    """Return the part that identifies a key to people: ``ss_`` and 8 letters."""
    return key[:11]


@dataclass(frozen=True, slots=True)
class Hashed:
    """A secret's hash, and the number of the pepper in it."""

    hash: str
    pepper: str


class ApiKeys:
    """Makes and hashes keys of the form ``ss_<8 letters>_<43 letters>``; the first part may be shown.

    ``other`` is a pepper with which rows may have been written, too. ``number`` is the current one's.
    """

    def __init__(self, pepper: SecretStr, other: SecretStr | None = None) -> None:
        self._peppers = [each.get_secret_value().encode() for each in (pepper, other) if each]
        self.number = number_of(pepper)

    @classmethod
    def of(cls, settings: GatewaySettings) -> ApiKeys:
        """Return it with the peppers of the settings."""
        return cls(settings.api_key_pepper, settings.api_key_previous_pepper)

    def make(self) -> str:
        """Return a new key."""
        prefix = "".join(secrets.choice(_LETTERS) for _ in range(8))
        return f"ss_{prefix}_{secrets.token_urlsafe(32)}"

    def hash(self, key: str) -> str:
        """Return the lower-case hex hash to store the key as."""
        return _hash(self._peppers[0], key)

    def hashed(self, key: str) -> Hashed:
        """Return the same with the pepper's number."""
        return Hashed(self.hash(key), self.number)

    def hashes(self, key: str) -> list[str]:
        """Return the hashes to look the key up by, that of `hash` first."""
        return [_hash(pepper, key) for pepper in self._peppers]

    def derived(self, text: str) -> list[str]:
        """Return 43 letters that only the holder of a pepper can make of ``text``, for each pepper."""
        digests = [
            hmac.new(each, b"derive" + text.encode(), hashlib.sha256).digest() for each in self._peppers
        ]
        return [base64.urlsafe_b64encode(digest).rstrip(b"=").decode() for digest in digests]

    def correlation(self, given: str) -> str:
        """Return the keyed hash of a caller's correlation id, 32 hex digits."""
        return self.correlations(given)[0]

    def correlations(self, given: str) -> list[str]:
        """Return the same for each pepper."""
        return [hashed[:32] for hashed in self.hashes(f"correlation {given}")]


def _hash(pepper: bytes, text: str) -> str:
    return hmac.new(pepper, text.encode(), hashlib.sha256).hexdigest()
