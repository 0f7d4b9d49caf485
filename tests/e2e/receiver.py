"""A customer's server that receives webhooks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple, Self


class Delivery(NamedTuple):
    """One request: its body, byte for byte, and its headers by lower-case name."""

    body: bytes
    headers: Mapping[str, str]


class Receiver:
    """Keeps every delivery while it is open. ``answer`` gives the status of each response."""

    def __init__(self, answer: Callable[[Delivery], int] = lambda _: 204) -> None:
        self.received: list[Delivery] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                delivery = Delivery(self.rfile.read(int(headers["content-length"])), headers)
                outer.received.append(delivery)
                self.send_response(answer(delivery))
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
