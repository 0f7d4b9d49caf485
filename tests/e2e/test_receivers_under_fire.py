"""Receivers, good and bad, while gateway and webhook worker are killed under load."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import create_server

import pytest

from sharpstream.client import Client, Retries, ServiceError, verify_webhook
from tests.bus.fleet import seeded
from tests.e2e import photos
from tests.e2e.running import Running

pytestmark = [pytest.mark.stack, pytest.mark.kill]
PHOTOS = 16
ENDED = "generation.completed.v1"


class Receiver:
    """Takes webhooks; where it is ``flaky`` it refuses each event the first time."""

    def __init__(self, *, flaky: bool) -> None:
        self.secret = ""
        self.taken: Counter[str] = Counter()
        self.refused: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                event = verify_webhook(body, dict(self.headers), outer.secret)
                if flaky and event.id not in outer.refused:
                    outer.refused.add(event.id)
                    self.send_response(503)
                else:
                    outer.taken[event.id] += 1
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self._thread = threading.Thread(target=self.server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


@pytest.fixture
def receivers() -> Iterator[tuple[Receiver, Receiver]]:
    good, flaky = Receiver(flaky=False), Receiver(flaky=True)
    yield good, flaky
    good.close()
    flaky.close()


@pytest.fixture
def black_hole() -> Iterator[str]:
    """Takes connections and never says a word."""
    with create_server(("127.0.0.1", 0), backlog=128) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"


def test_all_get_everything_and_nobody_waits_for_a_black_hole(
    running: Running, receivers: tuple[Receiver, Receiver], black_hole: str, tmp_path: Path
) -> None:
    chance, photo = seeded(), photos.landscape(tmp_path)
    key, lasting = running.credentials["api_key"], Retries(most=40)
    with Client(running.url, key, retries=lasting) as client:
        hooks = [client.create_webhook(one.url, events=[ENDED]) for one in receivers]
        for one, hook in zip(receivers, hooks, strict=True):
            one.secret = hook.secret
        hole = client.create_webhook(black_hole, events=[ENDED])
        page = client.events(limit=500)
        while page.events:
            page = client.events(after=page.next_cursor, limit=500)
        start = page.next_cursor
        streamed: list[str] = []

        def follow() -> None:
            with Client(running.url, key) as own:
                for event in own.stream(after=start, types=[ENDED]):
                    streamed.append(event.id)
                    if len(streamed) >= PHOTOS:
                        return

        def send(_: int) -> str:
            return client.generate(photo).generation_id

        with ThreadPoolExecutor(5) as threads:
            following = threads.submit(follow)
            sent = [threads.submit(send, number) for number in range(PHOTOS)]
            for _ in range(3):
                role = chance.choice(["gateway", "webhooks"])
                pid = running.kill(role)
                running.wait_for_restart(role, pid)
            jobs = {future.result(timeout=120) for future in sent}
            # Nobody waits for the black hole: all are done while it still holds what was sent to it.
            ended = [client.wait(job, timeout_s=120).status for job in jobs]
            following.result(timeout=60)
        assert ended == ["completed"] * PHOTOS
        assert {one.status for one in client.deliveries(hole.id).items} <= {"pending"}

        logged: list[str] = []
        page = client.events(after=start, types=[ENDED], limit=500)
        while page.events:
            logged += [event.id for event in page.events]
            page = client.events(after=page.next_cursor, types=[ENDED], limit=500)
        assert len(logged) == len(set(logged)) == PHOTOS
        assert streamed == logged, "the stream, over all its breaks, is the log"
        for one in receivers:
            running.wait(lambda one=one: set(one.taken), lambda taken: taken >= set(logged), 120)
            assert set(one.taken) == set(logged), "nothing that is not in the log"
        for hook in [*hooks, hole]:
            client.delete_webhook(hook.id)
        with pytest.raises(ServiceError, match="no webhook"):
            client.webhook(hole.id)
