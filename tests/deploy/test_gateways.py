"""Several gateways behind the shipped proxy: one refuses, one is taken out; no request is lost or doubled."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from sharpstream.stack import ports
from tests.deploy.proxied import ROOT, Shipped, nginx, shipped

pytestmark = pytest.mark.skipif(nginx() is None, reason="install nginx, or on Debian run: make browser")
ENOUGH = 12
"""Requests after which each of two gateways has had some: they take turns."""


class Gateway(ThreadingHTTPServer):
    """Answers with its number; a request for ``/stream`` has its second line when the test says so."""

    def __init__(self, number: int) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.number, self.asked, self.go_on = number, 0, threading.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Answer(BaseHTTPRequestHandler):
    server: Gateway

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.server.number}\n".encode())
        if self.path == "/stream":
            self.server.go_on.wait(30)
            self.wfile.write(b"end\n")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.server.asked += 1
        if self.path != "/lost":  # where the connection ends without an answer
            self.send_response(202)
            self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Write nothing."""


@contextmanager
def gateways(count: int) -> Iterator[list[Gateway]]:
    made = [Gateway(number) for number in range(count)]
    threads = [threading.Thread(target=each.serve_forever) for each in made]
    for thread in threads:
        thread.start()
    try:
        yield made
    finally:
        for each, thread in zip(made, threads, strict=True):
            each.go_on.set()
            each.shutdown()
            each.server_close()
            thread.join()


@contextmanager
def running(folder: Path, *addresses: str) -> Iterator[tuple[Shipped, httpx.Client]]:
    given = {
        "PROXY_NAME": "localhost",
        "PROXY_GATEWAY": ",".join(addresses),
        "PROXY_TLS_PORT": str(port := ports.choose()),
        "PROXY_PLAIN_PORT": str(ports.choose({port})),
    }
    with shipped(folder, given) as proxy:
        context = ssl.create_default_context(cafile=str(proxy.authority))
        url = f"https://localhost:{given['PROXY_TLS_PORT']}"
        with httpx.Client(base_url=url, verify=context, timeout=30) as client:
            yield proxy, client


def test_one_is_taken_out_while_its_stream_goes_on(tmp_path: Path) -> None:
    with gateways(2) as both, running(tmp_path, *(each.address for each in both)) as (proxy, client):
        assert {client.get("/").text for _ in range(ENOUGH)} == {"0\n", "1\n"}
        with client.stream("GET", "/stream") as stream:
            lines = stream.iter_lines()
            left = both[int(next(lines))]
            stays = both[1 - left.number]
            proxy.send_to(stays.address)
            asked = left.asked
            assert {client.get("/").text for _ in range(ENOUGH)} == {f"{stays.number}\n"}
            assert left.asked == asked
            left.go_on.set()
            assert next(lines) == "end"
        proxy.send_to(*(each.address for each in both))
        assert {client.get("/").text for _ in range(ENOUGH)} == {"0\n", "1\n"}


def test_calls_at_once_wait_for_each_other(tmp_path: Path) -> None:
    with gateways(2) as both, running(tmp_path, *(each.address for each in both)) as (proxy, client):
        addresses = [each.address for each in both]
        for _ in range(5):
            with ThreadPoolExecutor(4) as pool:  # `result` of each raises what it raised
                calls = [pool.submit(proxy.send_to, *addresses[:count]) for count in (1, 2, 1, 2)]
            assert [call.result() for call in calls] == [None] * 4
            reached = {client.get("/").text for _ in range(ENOUGH)}
            assert "0\n" in reached
        proxy.send_to(addresses[1])
        assert {client.get("/").text for _ in range(ENOUGH)} == {"1\n"}


def test_what_one_refuses_another_takes_and_what_was_sent_is_not_sent_again(tmp_path: Path) -> None:
    nothing_there = f"127.0.0.1:{ports.choose()}"
    with (
        gateways(2) as both,
        running(tmp_path, *(each.address for each in both), nothing_there) as (_, client),
    ):
        assert {client.post("/", content=b"x").status_code for _ in range(ENOUGH)} == {202}
        before = sum(each.asked for each in both)
        assert client.post("/lost", content=b"x").status_code == 503
        assert sum(each.asked for each in both) == before + 1


@pytest.mark.parametrize("arguments", [(), ("a:1; }",), ("",)])
def test_a_wrong_address_changes_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "gateways.conf").write_text("old")
    done = subprocess.run(
        ["sh", ROOT / "deploy/proxy/gateways.sh", *arguments],
        env={"PROXY_WORK": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "HOST:PORT" in done.stderr) == (2, True)
    assert (tmp_path / "gateways.conf").read_text() == "old"
