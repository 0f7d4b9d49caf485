"""Links to objects that stay the same for a while, so that browsers keep what they have fetched.

A presigned URL states when it was signed, to the second: two answers of an API a second apart would name one
picture by two URLs. Links for reading are signed as of the last half hour instead, and are good for so much
longer. Links for writing are left alone: their lifetime is a limit.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from unicodedata import category, normalize
from urllib.parse import quote

from botocore.auth import AUTH_TYPE_MAPS, S3SigV4QueryAuth

STABLE_S: Final = 30 * 60
"""Seconds for which an object has one URL and may be kept by a browser; less for short-lived links."""
LONGEST_S: Final = 7 * 24 * 3600
"""The longest expiry that SigV4 allows."""
_TIMESTAMP: Final = "%Y%m%dT%H%M%SZ"
_NAME: Final = "sharpstream-rounded-query"
_BAD_IN_FILES: Final = '<>:"/\\|?*'


class RoundedQueryAuth(S3SigV4QueryAuth):  # type: ignore[misc]  # botocore has no types
    """SigV4 in the query, signed as of a rounded time."""

    _expires: int

    def _modify_request_before_signing(self, request: Any) -> None:
        signed = datetime.strptime(request.context["timestamp"], _TIMESTAMP).replace(tzinfo=UTC)
        step = stable_for(self._expires)
        rounded = datetime.fromtimestamp(signed.timestamp() // step * step, UTC)
        request.context["timestamp"] = rounded.strftime(_TIMESTAMP)
        self._expires = min(self._expires + (step if step > 1 else 0), LONGEST_S)
        super()._modify_request_before_signing(request)


AUTH_TYPE_MAPS[_NAME] = RoundedQueryAuth  # botocore's list of ways to sign, which has no other way in


def round_links(client: Any) -> None:
    """Make the client sign links for reading as of a rounded time."""

    def choose(signature_version: Any, **_: Any) -> str | None:
        return _NAME if str(signature_version).endswith("-query") else None

    client.meta.events.register("choose-signer.s3.GetObject", choose)


def stable_for(seconds: int) -> int:
    """Return for how many seconds a link with this lifetime is the same: half of it at most, 1 at least."""
    return max(1, min(STABLE_S, seconds // 2))


def cache_control(seconds: int) -> str:
    """Return what the store says about an object with such a link: objects are never overwritten."""
    return f"private, max-age={stable_for(seconds)}, immutable"


def disposition(filename: str) -> str:
    """Return the Content-Disposition of a download (RFC 6266), in ASCII and where needed in UTF-8."""
    name = "".join(each for each in filename if category(each)[0] != "C" and each not in _BAD_IN_FILES)
    name = name.strip(" .") or "download"
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().strip()
    plain = f"download{plain}" if not plain or plain.startswith(".") else plain
    utf8 = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'attachment; filename="{plain}"{utf8}'
