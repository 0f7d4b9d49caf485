"""The real proxy of deploy/proxy, with a certificate of its own, before a small application."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.http.client_address import FromProxies, TrustedProxies
from sharpstream.stack import ports

ROOT = Path(__file__).parents[2]
NAME = "splats.test"
STORE = "files.splats.test"
CLIENT = "127.0.0.2"
"""Where the tests' client is; the proxy is at 127.0.0.1, the one address that the application trusts."""


def nginx() -> str | None:
    """Return the program: installed, or unpacked by `make browser`."""
    ours = ROOT / ".venv" / "nginx" / "usr" / "sbin" / "nginx"
    return str(ours) if ours.exists() else shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


@dataclass
class Application:
    """Answers with what it was sent; its streams and uploads wait for the test, or the test for them."""

    release: threading.Event = field(default_factory=threading.Event)
    arrived: threading.Event = field(default_factory=threading.Event)
    received: int = 0

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = {"/events": self._events, "/upload": self._upload}.get(scope["path"], self._plain)
        await body(scope, receive, send)

    async def _plain(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = dict(scope["headers"])
        said = "\n".join((
            scope["client"][0],
            headers[b"host"].decode(),
            headers.get(b"x-forwarded-proto", b"").decode(),
            scope["method"],
        )).encode()  # fmt: skip
        await send(_start(len(said)))
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else said})

    async def _events(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send(_start(None, b"text/event-stream"))
        await send({"type": "http.response.body", "body": b"data: first\n\n", "more_body": True})
        await asyncio.to_thread(self.release.wait, 30)
        await send({"type": "http.response.body", "body": b"data: second\n\n"})

    async def _upload(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            self.received += len(message.get("body", b""))
            if self.received:
                self.arrived.set()
            more = message.get("more_body", False)
        said = str(self.received).encode()
        await send(_start(len(said)))
        await send({"type": "http.response.body", "body": said})


def _start(length: int | None, kind: bytes = b"text/plain") -> dict[str, Any]:
    headers = [(b"content-type", kind), (b"x-request-id", b"id-1")]
    headers += [] if length is None else [(b"content-length", str(length).encode())]
    return {"type": "http.response.start", "status": 200, "headers": headers}


@dataclass
class Proxy:
    """A running proxy and what it stands before."""

    port: int
    plain_port: int
    application: Application
    authority: Path
    log: Path

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))

    def connect(self, context: ssl.SSLContext | None = None, name: str = NAME) -> ssl.SSLSocket:
        """Return a connection from `CLIENT`."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30, source_address=(CLIENT, 0))
        try:
            return (context or self.context()).wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise


@contextmanager
def proxied(folder: Path, **environment: str) -> Iterator[Proxy]:
    """Start application and proxy; ``environment``: more of the proxy's own settings."""
    application = Application()
    trusted = TrustedProxies("127.0.0.1")
    port = ports.choose()
    plain = ports.choose({port})
    behind = ports.choose({port, plain})
    app: Any = FromProxies(application, lambda: trusted)  # type: ignore[arg-type]
    quiet: dict[str, Any] = {"log_config": None, "access_log": False, "lifespan": "off"}
    config = uvicorn.Config(app, host="127.0.0.1", port=behind, proxy_headers=False, **quiet)
    server = uvicorn.Server(config)
    serving = threading.Thread(target=server.run, daemon=True)
    serving.start()
    given = {
        "PROXY_NAME": NAME,
        "PROXY_STORE_NAME": STORE,
        "PROXY_GATEWAY": f"127.0.0.1:{behind}",
        "PROXY_STORE": f"127.0.0.1:{behind}",
        "PROXY_TLS_PORT": str(port),
        "PROXY_PLAIN_PORT": str(plain),
    }
    try:
        with shipped(folder, given | environment) as started:
            _wait_for(behind, started)
            yield Proxy(port, plain, application, started.authority, started.log)
    finally:
        application.release.set()
        server.should_exit = True
        serving.join()


@dataclass(frozen=True, slots=True)
class Shipped:
    """A process of the shipped proxy."""

    process: subprocess.Popen[bytes]
    environment: dict[str, str]
    authority: Path
    log: Path

    def send_to(self, *gateways: str) -> None:
        """Send requests to these gateways alone, as an operator does."""
        command = ["sh", ROOT / "deploy/proxy/gateways.sh", *gateways]
        subprocess.run(command, env=self.environment, check=True, timeout=60)


@contextmanager
def shipped(folder: Path, environment: dict[str, str]) -> Iterator[Shipped]:
    """Run the shipped proxy with a certificate of its own for the body, which begins when it listens."""
    certificates = folder / "certificates"
    certificates.mkdir()
    _certificate(certificates)
    program = nginx()
    assert program
    given = environment | {
        "PATH": os.environ["PATH"],
        "PROXY_NGINX": program,
        "PROXY_CERTIFICATES": str(certificates),
        "PROXY_WORK": str(folder / "work"),
    }
    log = folder / "proxy.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", ROOT / "deploy/proxy/start.sh"], env=given, stdout=output, stderr=output
        )
    try:
        started = Shipped(process, given, certificates / "tls.crt", log)
        _wait_for(int(given["PROXY_TLS_PORT"]), started)
        yield started
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, started: Shipped) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert started.process.poll() is None, started.log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)  # another process's start
        else:
            return
    raise AssertionError(started.log.read_text())


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    names = [*map(x509.DNSName, (NAME, STORE, "localhost")), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "tls.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (folder / "tls.key").chmod(0o644)  # nginx's workers may be another user
