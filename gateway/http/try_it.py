"""The API as the interactive page at ``/docs`` may call it: under an address that only its reader knows.

The page runs scripts of others and therefore in a sandbox, whose origin is opaque: browsers send
``Origin: null``, as they do for any sandboxed frame of any site. That origin is allowed below
``/docs/try/<token>`` alone, for the paths of the API's document, and nowhere else. The token is no
credential: calls need the same ones as everywhere, and no cookie goes with them.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

PATH: Final = "/docs/try"
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
REQUEST_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "X-API-Key",
    "X-Correlation-ID",
    "Last-Event-ID",
    "Idempotency-Key",
    "Prefer",
)
ANSWER_HEADERS: Final = (
    "Location",
    "Preference-Applied",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "X-Correlation-ID",
    "X-Request-ID",
)
"""What a page of another origin may send and read."""
_ADDRESS: Final = re.compile(
    rf"{PATH}/(?P<token>[0-9a-f]{{32}})(?P<path>/(?:api/v1/.*|health/.*|docs/openapi\.json))"
)
_DAY_S: Final = 86_400
_PREFLIGHT_S: Final = 600
_ORIGIN: Final = b"origin"


class TryTokens:
    """Makes and knows the tokens: one a day for each secret, the same in every gateway that has the secret.

    ``secrets``: the current one first. A token is good for its day and the next (UTC), so that a page that
    was opened before midnight works on.
    """

    def __init__(self, secrets: Iterable[str], clock: Callable[[], float] = time.time) -> None:
        purpose = b"sharpstream: calls from the page of the API"
        self._keys = [hmac.digest(secret.encode(), purpose, hashlib.sha256) for secret in secrets]
        self._clock = clock

    def current(self) -> str:
        """Return the token for a page that is opened now: 128 bits in hexadecimal."""
        return _token(self._keys[0], self._today())

    def knows(self, token: str) -> bool:
        """Return whether the token is one of today's or yesterday's."""
        days = (self._today(), self._today() - 1)
        good = [_token(key, day) for key in self._keys for day in days]
        return any(hmac.compare_digest(token, each) for each in good)

    def _today(self) -> int:
        return int(self._clock() // _DAY_S)


class TryIt:
    """ASGI layer that serves ``/docs/try/<token>/api/v1/...`` as ``/api/v1/...``, with the CORS headers.

    Everything else, a wrong token too, goes on as it is: there is no such route. The path in the scope is
    replaced, so that what follows, logs and metrics among it, never sees the token.
    """

    def __init__(self, app: ASGIApp, tokens: Callable[[], TryTokens]) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        path = self._admitted(scope)
        if path is None:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:  # type: ignore[typeddict-item]
            scope["path_template"] = PATH
            await _answer_preflight(send)
            return
        scope["path"], scope["raw_path"] = path, quote(path).encode()
        # Without it, the application's own CORS settings add nothing to ours.
        scope["headers"] = [(name, value) for name, value in scope["headers"] if name != _ORIGIN]

        async def readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_READABLE]
            await send(message)

        await self._app(scope, receive, readable)

    def _admitted(self, scope: Scope) -> str | None:
        """Return the path in the API that is meant, None where this is not the page of today."""
        if scope["type"] != ScopeType.HTTP or dict(scope["headers"]).get(_ORIGIN) != b"null":
            return None
        found = _ADDRESS.fullmatch(scope["path"])
        if found is None or not self._tokens().knows(found["token"]):
            return None
        return found["path"]


def _token(key: bytes, day: int) -> str:
    return hmac.digest(key, f"docs {day}".encode(), hashlib.sha256).hex()[:32]


_ALLOWED: Final = [(b"access-control-allow-origin", b"null"), (b"vary", b"Origin")]
_READABLE: Final = [*_ALLOWED, (b"access-control-expose-headers", ", ".join(ANSWER_HEADERS).encode())]
_PREFLIGHT: Final = [
    *_ALLOWED,
    (b"access-control-allow-methods", ", ".join(METHODS).encode()),
    (b"access-control-allow-headers", ", ".join(REQUEST_HEADERS).encode()),
    (b"access-control-max-age", str(_PREFLIGHT_S).encode()),
]


async def _answer_preflight(send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": _PREFLIGHT})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
