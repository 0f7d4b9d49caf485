"""A server of weights that breaks off, refuses and redirects as a test wants, for the tests of downloads."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WEIGHTS = bytes(range(256)) * 5000
DIGEST = hashlib.sha256(WEIGHTS).hexdigest()


@dataclass
class Behaviour:
    """The server's behaviour, and the paths and ranges requested from it."""

    body: bytes = WEIGHTS
    cut_after: list[int] = field(default_factory=list)  # bytes of each answer before the connection breaks
    ranges: bool = True
    statuses: list[int] = field(default_factory=list)  # answered first
    location: str = ""
    checksum: str | None = None  # stated in the header of every answer
    asked: list[str | None] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    def __init__(self, behaviour: Behaviour, *args: Any) -> None:
        self.behaviour = behaviour
        super().__init__(*args)

    def do_GET(self) -> None:
        does, stated = self.behaviour, self.headers.get("Range")
        does.asked.append(stated)
        does.paths.append(self.path)
        if does.statuses:
            self.begin(does.statuses.pop(0), Location=does.location, **{"Content-Length": "0"})
            return
        start = int(stated.removeprefix("bytes=").removesuffix("-")) if stated and does.ranges else 0
        if start and start >= len(does.body):
            self.begin(416, **{"Content-Range": f"bytes */{len(does.body)}"})
            return
        rest = does.body[start:]
        self.begin(206 if start else 200, **{"Content-Length": str(len(rest))})
        self.wfile.write(rest[: does.cut_after.pop(0)] if does.cut_after else rest)

    def begin(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.behaviour.checksum:
            self.send_header("X-Linked-Etag", f'"{self.behaviour.checksum}"')
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


@contextlib.contextmanager
def serving(does: Behaviour) -> Iterator[str]:
    """Serve on a free port; yield the address without a path."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, does))
    server.handle_error = lambda *_: None  # the client closes the connection on purpose
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
