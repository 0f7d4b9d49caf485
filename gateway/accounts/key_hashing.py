"""API keys: 256 random bits, shown once, kept only as a keyed hash.

A fast hash is right here: nobody can guess 256 bits, and every request pays for it. The pepper makes a
stolen table useless for checking keys found elsewhere.
"""

from __future__ import annotations

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
    """Tell whether the text can be a key at all; what cannot is not worth a query."""
    return _FORM.fullmatch(key) is not None


def prefix_of(key: str) -> str:
    """Return the part by which people tell keys apart: ``ss_`` and 8 letters."""
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
