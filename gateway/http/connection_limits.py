"""Limits of a connection before a request reaches the application: its head, its number, its leftovers.

| what | limit | answer |
|---|---|---|
| the head of a request | 32 kB | 431 headers_too_large |
| the time for it, from the first byte or the connection on | 10 s | 408 request_too_slow |
| connections of one address that is no trusted proxy | `GATEWAY_CONNECTIONS_PER_ADDRESS` | 429 |
| connections of this process | the open files that the kernel permits, less 1,024 or a quarter | 503 busy |
| a body that is still arriving after the response | 5 s | closed |

The body itself is limited by `gateway.http.body_deadline`. uvicorn has none of these limits.
"""

from __future__ import annotations

import asyncio
import resource
from collections import Counter
from typing import Any, Final

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from gateway.http.client_address import UNKNOWN, TrustedProxies, address_subject
from gateway.http.problems import PROBLEMS

HEAD_BYTES: Final = 32 * 1024
HEAD_S: Final = 10.0
LINGER_S: Final = 5.0
"""A client that still sends gets so long to read the answer; closing at once would lose it."""
SPARE_FILES: Final = 1024
"""Open files kept for Postgres, S3, Kafka and whatever fetches photos."""


class ConnectionLimits:
    """Counts the connections of this process by address."""

    def __init__(self, proxies: TrustedProxies, *, per_address: int, total: int | None = None) -> None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._proxies, self._per_address = proxies, per_address
        self._total = soft - min(SPARE_FILES, soft // 4) if total is None else total
        self._open: Counter[str] = Counter()

    def opened(self, host: str) -> str | None:
        """Count a connection; return the code of the answer where it is one too many."""
        subject = address_subject(host)
        self._open[subject] += 1
        if self._open.total() > self._total:
            return "busy"
        if self._open[subject] > self._per_address and not self._proxies.trusts(host):
            return "too_many_connections"
        return None

    def closed(self, host: str) -> None:
        """Stop counting a connection."""
        subject = address_subject(host)
        self._open[subject] -= 1
        if self._open[subject] <= 0:
            del self._open[subject]


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the limits of this module."""

    def __init__(self, *arguments: Any, limits: ConnectionLimits, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._host = UNKNOWN
        self._head_bytes = 0
        self._in_head, self._begun = True, False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Count the connection, and wait for its first head."""
        super().connection_made(transport)
        self._host = self.client[0] if self.client else UNKNOWN
        code = self._limits.opened(self._host)
        if code is not None:
            self._refuse(code)
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting the connection."""
        self._limits.closed(self._host)
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and bound what it keeps of an unfinished head."""
        if self.transport.is_closing():
            return
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self._refuse("headers_too_large")
        elif self._timer is None and self.timeout_keep_alive_task is None and self._between_requests():
            self._expect_head()  # an empty line has ended the wait for the next request

    def on_message_begin(self) -> None:
        """Begin a head: the first one, or the next on this connection."""
        super().on_message_begin()
        self._head_bytes, self._begun = 0, True
        if not self._in_head:
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        """Count the target of the request."""
        self._head_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header, or a trailer behind a chunked body."""
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes <= HEAD_BYTES:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Pass the request on, unless its head was too large."""
        self._in_head, self._begun = False, False
        self._stop_timer()
        if self._head_bytes <= HEAD_BYTES:
            super().on_headers_complete()
            self._head_bytes = 0

    def on_body(self, body: bytes) -> None:
        """Ignore the body of a refused request, which has no cycle."""
        if self._current() is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Ignore the end of such a body."""
        if self._current() is not None:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Close a connection whose request is still arriving, after a while for its sender to read."""
        cycle = self._current()
        unfinished = cycle is not None and cycle.more_body and not self.pipeline
        super().on_response_complete()
        if unfinished and not self.transport.is_closing():
            self._stop_timer()
            self._timer = self.loop.call_later(LINGER_S, self._close)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP as a problem, too."""
        del msg
        self._refuse("malformed")

    def _between_requests(self) -> bool:
        cycle = self._current()
        return not self._in_head and cycle is not None and cycle.response_complete

    def _current(self) -> RequestResponseCycle | None:
        """Return the newest request; uvicorn's annotation leaves out that there may be none yet."""
        return self.cycle

    def _expect_head(self) -> None:
        self._in_head = True
        self._stop_timer()
        self._timer = self.loop.call_later(HEAD_S, self._late)

    def _late(self) -> None:
        if self._begun:
            self._refuse("request_too_slow")
        else:
            self._close()

    def _refuse(self, code: str) -> None:
        """Answer without the application, and close."""
        if self.transport.is_closing():
            return
        cycle = self._current()
        if cycle is None or cycle.response_complete:
            self.transport.write(_answer(code))
        self.transport.close()

    def _close(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


_SENTENCES: Final = {
    "malformed": "The request is not valid HTTP.",
    "headers_too_large": f"Send a request line and headers of at most {HEAD_BYTES} bytes together.",
    "request_too_slow": f"Send the headers within {HEAD_S:g} seconds.",
    "too_many_connections": "This address has as many connections open as it may; close some or reuse them.",
    "busy": "Too many connections are open; try again in a moment.",
}


def _answer(code: str) -> bytes:
    """Return a whole response, as `gateway.http.errors` would give it."""
    status, title = PROBLEMS[code]
    sentence = _SENTENCES[code]
    body = msgspec.json.encode(
        {
            "type": f"/docs#{code}",
            "title": title,
            "status": status,
            "detail": sentence,
            "code": code,
            "message": sentence,
            "correlation_id": "",
        }
    )
    retry = "Retry-After: 5\r\n" if status in {429, 503} else ""
    head = (
        f"HTTP/1.1 {status} {title}\r\nContent-Type: application/problem+json\r\n"
        f"Content-Length: {len(body)}\r\n{retry}Connection: close\r\n\r\n"
    )
    return head.encode() + body
