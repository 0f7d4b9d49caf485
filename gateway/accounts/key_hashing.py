"""API keys: 256 random bits, shown once, kept only as a keyed hash.

The hash is a fast one, because 256 bits cannot be guessed and every request computes it. Without the pepper a
stolen table cannot be used to check keys found elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import string
from typing import Final

from pydantic import SecretStr

_LETTERS: Final = string.ascii_lowercase + string.digits
_FORM: Final = re.compile(r"ss_[a-z0-9]{8}_[A-Za-z0-9_-]{43}")


def well_formed(key: str) -> bool:
    """Return whether the text has the form of a key; other texts need no query."""
    return _FORM.fullmatch(key) is not None


def prefix_of(key: str) -> str:
    """Return the part that identifies a key to people: ``ss_`` and 8 letters."""
    return key[:11]


class ApiKeys:
    """Makes and hashes keys of the form ``ss_<8 letters>_<43 letters>``; the first part may be shown."""

    def __init__(self, pepper: SecretStr) -> None:
        self._pepper = pepper.get_secret_value().encode()

    def make(self) -> str:
        """Return a new key."""
        prefix = "".join(secrets.choice(_LETTERS) for _ in range(8))
        return f"ss_{prefix}_{secrets.token_urlsafe(32)}"

    def hash(self, key: str) -> str:
        """Return the lower-case hex hash to look the key up by."""
        return hmac.new(self._pepper, key.encode(), hashlib.sha256).hexdigest()

    def derive(self, text: str) -> str:
        """Return 43 letters that only the holder of the pepper can make of ``text``."""
        digest = hmac.new(self._pepper, b"derive" + text.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def correlation(self, given: str) -> str:
        """Return the keyed hash of a caller's correlation id, 32 hex digits."""
        return self.hash(f"correlation {given}")[:32]
