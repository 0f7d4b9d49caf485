"""What the proxy promises, asked of the real nginx."""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.http.problems import PROBLEMS
from tests.deploy.proxied import CLIENT, NAME, STORE, Proxy, nginx, proxied

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(nginx() is None, reason="install nginx, or on Debian run: make browser")


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with proxied(tmp_path_factory.mktemp("proxy"), PROXY_HEAD_SECONDS="1") as made:
        yield made


def request(
    proxy: Proxy, method: str, path: str, headers: dict[str, str] | None = None, name: str = NAME
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(name)
    connection.sock = proxy.connect(name=name)
    try:
        connection.request(method, path, headers=headers or {})
        answer = connection.getresponse()
        found = {key.lower(): value for key, value in answer.getheaders()}
        return answer.status, found, answer.read()
    finally:
        connection.close()


def code_of(body: bytes) -> str:
    said = json.loads(body)
    assert (said["status"], said["title"]) == PROBLEMS[said["code"]]
    return str(said["code"])


@pytest.mark.parametrize(
    ("newest", "spoken"), [(ssl.TLSVersion.TLSv1_3, "TLSv1.3"), (ssl.TLSVersion.TLSv1_2, "TLSv1.2")]
)
def test_new_tls_is_spoken(proxy: Proxy, newest: ssl.TLSVersion, spoken: str) -> None:
    context = proxy.context()
    context.maximum_version = newest
    with proxy.connect(context) as connection:
        assert connection.version() == spoken


def test_old_tls_is_refused(proxy: Proxy) -> None:
    context = proxy.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(ssl.SSLError, match=r"protocol version|PROTOCOL_VERSION"):
        proxy.connect(context)


def test_browsers_get_http_2(proxy: Proxy) -> None:
    """In HTTP/1.1 a browser opens six connections, which six live streams would fill."""
    context = proxy.context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with proxy.connect(context) as connection:
        assert connection.selected_alpn_protocol() == "h2"


def test_another_name_gets_no_certificate(proxy: Proxy) -> None:
    with pytest.raises(ssl.SSLError, match=r"unrecognized name|UNRECOGNIZED_NAME"):
        proxy.connect(name="evil.test")
    status, _, _ = request(proxy, "GET", "/", {"Host": "evil.test"})
    assert status == 421


def test_plain_requests_are_sent_on_to_our_name(proxy: Proxy) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.plain_port)
    connection.request("GET", "/gallery?a=b", headers={"Host": "evil.test"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Location")) == (308, f"https://{NAME}/gallery?a=b")
    connection.close()


def test_answers_are_strict_and_requests_keep_their_host(proxy: Proxy) -> None:
    for name in (NAME, STORE):
        status, headers, body = request(proxy, "GET", "/api/v1/models", name=name)
        assert status == 200
        assert int(re.findall(r"max-age=(\d+)", headers["strict-transport-security"])[0]) >= 31536000
        assert body.decode().splitlines()[1:3] == [name, "https"]


def test_head_is_answered(proxy: Proxy) -> None:
    status, headers, body = request(proxy, "HEAD", "/")
    assert (status, body) == (200, b"")
    assert int(headers["content-length"]) > 0


@pytest.mark.parametrize(
    "forged", [None, "203.0.113.9", "203.0.113.9, 127.0.0.1", "127.0.0.1", "unknown, [::1]:5"]
)
def test_a_clients_address_cannot_be_forged(proxy: Proxy, forged: str | None) -> None:
    _, _, body = request(proxy, "GET", "/", {} if forged is None else {"X-Forwarded-For": forged})
    assert body.decode().splitlines()[0] == CLIENT


def test_an_event_does_not_wait_for_the_next(proxy: Proxy) -> None:
    proxy.application.release.clear()
    connection = http.client.HTTPConnection(NAME)
    connection.sock = proxy.connect()
    connection.request("GET", "/events")
    answer = connection.getresponse()
    assert answer.readline() == b"data: first\n"  # the second is not sent before this was read
    proxy.application.release.set()
    assert b"data: second" in answer.read()
    connection.close()


def test_an_upload_passes_as_it_comes(proxy: Proxy) -> None:
    proxy.application.arrived.clear()
    proxy.application.received = 0
    half = b"x" * 1024 * 1024
    with proxy.connect() as connection:
        head = f"POST /upload HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: {2 * len(half)}\r\n\r\n"
        connection.sendall(head.encode() + half)
        assert proxy.application.arrived.wait(30), "the proxy keeps the upload until it is whole"
        connection.sendall(half)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.read() == str(2 * len(half)).encode()


def test_a_body_that_is_too_large_is_refused(proxy: Proxy) -> None:
    with proxy.connect() as connection:
        head = f"POST /upload HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 99999999\r\n\r\n"
        connection.sendall(head.encode())
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 413
        assert code_of(answer.read()) == "request_too_large"


@pytest.mark.parametrize("headers", [{"X": "x" * 9000}, {f"X-{n}": "x" * 7000 for n in range(6)}])
def test_headers_that_are_too_large_are_refused(proxy: Proxy, headers: dict[str, str]) -> None:
    status, _, body = request(proxy, "GET", "/", headers)
    assert status == 431
    assert code_of(body) == "headers_too_large"


def test_a_slow_head_loses_its_connection(proxy: Proxy) -> None:
    with proxy.connect() as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: ")
        said = connection.recv(4096)  # the socket's own timeout of 30 s turns a hang into a failure
        assert said == b"" or b" 408 " in said.splitlines()[0]


def test_a_gateway_that_is_away_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        away = f"127.0.0.1:{taken.getsockname()[1]}"
        taken.close()
        with proxied(tmp_path, PROXY_GATEWAY=away) as proxy:
            status, headers, body = request(proxy, "GET", "/")
    assert (status, code_of(body), headers["retry-after"]) == (503, "busy", "5")
    assert "strict-transport-security" in headers


def test_connections_of_one_address_are_limited_and_nothing_secret_is_logged(tmp_path: Path) -> None:
    with proxied(tmp_path, PROXY_CONNECTIONS="2") as proxy:
        proxy.application.release.clear()
        streams = []
        for _ in range(2):
            connection = http.client.HTTPConnection(NAME)
            connection.sock = proxy.connect()
            connection.request("GET", "/events")
            streams.append(connection)
            assert connection.getresponse().readline() == b"data: first\n"
        status, headers, body = request(proxy, "GET", "/shares/secret-of-a-link?token=secret")
        assert (status, code_of(body), headers["retry-after"]) == (429, "too_many_connections", "5")
        proxy.application.release.set()
        for connection in streams:
            connection.close()
    lines = [json.loads(line) for line in proxy.log.read_text().splitlines() if line.startswith("{")]
    assert {line["status"] for line in lines} == {200, 429}
    assert "id-1" in {line["correlation_id"] for line in lines}
    assert "secret" not in proxy.log.read_text()
    assert CLIENT not in "".join(map(str, lines))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "tls.crt is missing"),
        ({"PROXY_NAME": 'a"; evil'}, "names, addresses and ports only"),
        ({"PROXY_CONNECTIONS": "many"}, "is no number"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_a_sentence(
    given: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    if given:
        for name in ("tls.crt", "tls.key"):
            (tmp_path / name).write_text("x")
    environment = {"PATH": "/usr/bin:/bin", "PROXY_NAME": NAME, "PROXY_CERTIFICATES": str(tmp_path)}
    done = subprocess.run(
        ["sh", ROOT / "deploy/proxy/start.sh"],
        env=environment | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert sentence in done.stderr


@pytest.mark.parametrize(
    ("version", "directive", "listen"),
    [("1.22.1", False, True), ("1.25.5", False, True), ("1.30.6", True, False)],
)
def test_http_2_is_asked_for_as_the_version_wants_it(
    version: str, directive: bool, listen: bool, tmp_path: Path
) -> None:
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_text("x")
    program = tmp_path / "nginx"
    program.write_text(f"#!/bin/sh\necho nginx version: nginx/{version} >&2\n")
    program.chmod(0o755)
    environment = {
        "PATH": "/usr/bin:/bin",
        "PROXY_NAME": NAME,
        "PROXY_CERTIFICATES": str(tmp_path),
        "PROXY_NGINX": str(program),
        "PROXY_WORK": str(tmp_path / "work"),
        "PROXY_RESOLVER": "127.0.0.11",
    }
    subprocess.run(["sh", ROOT / "deploy/proxy/start.sh"], env=environment, capture_output=True, check=True)
    made = (tmp_path / "work" / "nginx.conf").read_text()
    assert ("http2 on;" in made) == directive
    assert ("ssl http2" in made) == listen
    assert "resolver 127.0.0.11 valid=10s;" in made
    assert not re.findall(r"@[A-Z0-9_]+@", made)
