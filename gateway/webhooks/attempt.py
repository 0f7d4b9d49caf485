"""One delivery attempt: a signed POST and its outcome. Must not know queues or schedules."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import aiohttp

from gateway.ssrf import AddressRefusedError, exact
from gateway.webhooks import schedule

KEPT: Final = 1024
"""Bytes of the response body that are kept for the owner."""
AGENT: Final = "Sharpstream-Webhooks/1 (+https://www.standardwebhooks.com)"
_OK: Final = range(200, 300)
_REDIRECT: Final = range(300, 400)
_GONE: Final = 410


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """An attempt's outcome; ``name`` is the metric's label, ``error`` a sentence for the endpoint's owner."""

    name: str
    seconds: float = 0.0
    status: int | None = None
    body: str | None = None
    error: str | None = None
    retry_after_s: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver accepted the event."""
        return self.name == "delivered"

    @property
    def gone(self) -> bool:
        """Whether the receiver answered 410 and must get no more events."""
        return self.name == "gone"

    @property
    def answered(self) -> bool:
        """Whether there was a response, of any status."""
        return self.status is not None


async def post(
    session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str], *, timeout_s: float
) -> Outcome:
    """POST once without following redirects and return the outcome. Raises only on cancellation."""
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            found = await _post(session, url, body, headers)
    except TimeoutError:
        found = Outcome(name="timeout", error=f"No whole answer within {timeout_s:g} s.")
    except AddressRefusedError as error:
        found = Outcome(name="address", error=error.message)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        found = Outcome(name="unreachable", error=_describe(error))
    return replace(found, seconds=time.perf_counter() - begun)


async def _post(session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str]) -> Outcome:
    async with session.post(exact(url), data=body, headers=headers, allow_redirects=False) as answer:
        name, error = _judged(answer.status)
        return Outcome(
            name=name,
            error=error,
            status=answer.status,
            body=await _beginning(answer),
            retry_after_s=schedule.retry_after_s(answer.headers.get("Retry-After"), datetime.now(UTC)),
        )


def _judged(status: int) -> tuple[str, str | None]:
    if status in _OK:
        return "delivered", None
    if status == _GONE:
        return "gone", "The receiver answered 410 Gone."
    if status in _REDIRECT:
        description = f"The receiver answered {status}; redirects are not followed: give the final URL."
        return "redirected", description
    return "refused", f"The receiver answered {status}."


async def _beginning(answer: aiohttp.ClientResponse) -> str:
    """Read `KEPT` bytes and one more: a short response read to its end leaves the connection reusable."""
    kept = b""
    while len(kept) <= KEPT and (piece := await answer.content.read(KEPT + 1 - len(kept))):
        kept += piece
    if len(kept) > KEPT:
        answer.close()  # the rest is not read, however long it is
    return kept[:KEPT].decode(errors="replace").replace("\x00", "\ufffd")


def _describe(error: BaseException) -> str:
    """Return a sentence without details that only an operator may see."""
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return "The TLS certificate or handshake was not accepted."
        case aiohttp.ClientConnectorDNSError():
            return "The host's name was not found."
        case aiohttp.ServerDisconnectedError():
            return "The receiver closed the connection without an answer."
        case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
            return "The answer was not valid HTTP."
        case aiohttp.ClientConnectorError():
            return "No connection could be made."
    return f"The attempt failed: {type(error).__name__}."
