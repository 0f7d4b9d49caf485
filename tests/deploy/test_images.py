"""deploy/images.py against a registry of our own, which speaks the registries' HTTP API."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from urllib.parse import parse_qs, urlsplit

import pytest

ROOT = Path(__file__).parents[2]
INDEX = "application/vnd.oci.image.index.v1+json"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("images", ROOT / "deploy" / "images.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["images"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


images = load()


@dataclass
class Registry:
    """Public images behind anonymous tokens. ``said``: a digest in place of the manifest's own."""

    host: str = ""
    manifests: dict[str, bytes] = field(default_factory=dict)
    said: str | None = None
    challenge: str | None = None

    def image(self, repository: str, tag: str, body: bytes) -> str:
        self.manifests[f"/v2/{repository}/manifests/{tag}"] = body
        return f"{self.host}/{repository}:{tag}"


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            body = made.manifests.get(asked.path)
            if asked.path == "/token":
                scope = parse_qs(asked.query)["scope"][0]
                self.answer(200, json.dumps({"token": f"for {scope}"}).encode())
            elif body is None:
                self.answer(404, b"{}")
            elif self.headers.get("Authorization") != f"Bearer for {scope_of(asked.path)}":
                said = f'Bearer realm="http://{made.host}/token",service="registry"'
                self.answer(401, b"{}", {"WWW-Authenticate": made.challenge or said})
            else:
                assert INDEX in self.headers["Accept"]
                digest = made.said or f"sha256:{hashlib.sha256(body).hexdigest()}"
                self.answer(200, body, {"Docker-Content-Digest": digest})

        def answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.host = f"127.0.0.1:{server.server_port}"
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def scope_of(path: str) -> str:
    repository = re.findall(r"^/v2/(.*)/manifests/", path)[0]
    return f"repository:{repository}:pull"


def today() -> date:
    return datetime.now(UTC).date()


def test_update_writes_what_the_registry_has_and_keeps_the_rest(registry: Registry, tmp_path: Path) -> None:
    lock = tmp_path / "images.lock"
    python = registry.image("library/python", "3.11-slim", b'{"manifests": ["python"]}')
    kafka = registry.image("apache/kafka", "4.4.0", b'{"manifests": ["kafka"]}')
    lock.write_text(f"# why\n\npython {python} - -\nkafka {kafka} sha256:{'0' * 64} 2020-01-01\n")
    assert images.main(["check"], lock=lock) == 1
    assert images.main(["update"], lock=lock) == 0
    assert lock.read_text().startswith("# why\n\npython ")
    entries = {entry.name: entry for entry in images.parsed(lock.read_text())}
    for name, body in {"python": b'{"manifests": ["python"]}', "kafka": b'{"manifests": ["kafka"]}'}.items():
        assert entries[name].digest == f"sha256:{hashlib.sha256(body).hexdigest()}"
        assert entries[name].day == today()
    assert images.main(["check"], lock=lock) == 0


def test_what_is_printed_is_by_digest(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock, digest = tmp_path / "images.lock", f"sha256:{'a' * 64}"
    lock.write_text(f"python python:3.11 {digest} 2026-01-01\nkafka apache/kafka:4.4.0 {digest} 2026-01-01\n")
    assert images.main(["build-args"], lock=lock) == 0
    assert capsys.readouterr().out == f"IMAGE_PYTHON=python:3.11@{digest}\n"
    assert images.main(["environment"], lock=lock) == 0
    assert capsys.readouterr().out == f"IMAGE_KAFKA=apache/kafka:4.4.0@{digest}\n"
    lock.write_text("python python:3.11 - -\n")
    assert images.main(["build-args"], lock=lock) == 1
    assert "python (python:3.11) has no digest" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("days", "sentence"),
    [(0, None), (30, None), (31, "more than 30 days ago"), (-1, "still to come")],
)
def test_a_digest_is_good_for_thirty_days(
    days: int, sentence: str | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "images.lock"
    lock.write_text(f"node node:22 sha256:{'a' * 64} {today() - timedelta(days=days)}\n")
    assert images.main(["check"], lock=lock) == (1 if sentence else 0)
    assert (sentence or "") in capsys.readouterr().err


def test_a_registry_that_fails_leaves_the_lock_as_it_is(
    registry: Registry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "images.lock"
    known = registry.image("a/b", "1", b"{}")
    text = f"python {known} - -\nnode {registry.host}/a/unknown:1 - -\n"
    lock.write_text(text)
    assert images.main(["update"], lock=lock) == 1
    assert "a/unknown:1: the registry" in capsys.readouterr().err
    registry.said = f"sha256:{'b' * 64}"
    lock.write_text(f"python {known} - -\n")
    assert images.main(["update"], lock=lock) == 1
    assert "nothing was written" in capsys.readouterr().err
    registry.said, registry.challenge = None, 'Basic realm="login"'
    assert images.main(["update"], lock=lock) == 1
    assert "it wants a login" in capsys.readouterr().err
    assert lock.read_text() == f"python {known} - -\n"


@pytest.mark.parametrize(
    "line",
    ["python python:3.11 -", "python python - -", "python python:3 sha256:short 2026-01-01", "p p:1 - soon"],
)
def test_a_wrong_line_is_named(line: str) -> None:
    with pytest.raises(images.ImagesError, match="line 2 of the lock"):
        images.parsed(f"# comment\n{line}\n")


def test_names_are_those_of_docker() -> None:
    assert images._parts("python:3.11") == ("registry-1.docker.io", "library/python", "3.11")
    assert images._parts("apache/kafka:4") == ("registry-1.docker.io", "apache/kafka", "4")
    assert images._parts("ghcr.io/a/b:1") == ("ghcr.io", "a/b", "1")
    assert images._parts("localhost:5000/a:1") == ("localhost:5000", "a", "1")


def test_the_committed_lock_is_read_and_names_what_the_dockerfile_takes() -> None:
    entries = images.parsed((ROOT / "deploy" / "images.lock").read_text())
    asked = re.findall(r"^ARG IMAGE_([A-Z]+)=", (ROOT / "deploy/docker/Dockerfile").read_text(), re.MULTILINE)
    assert {name.lower() for name in asked} == set(images.BUILT_FROM)
    assert set(images.BUILT_FROM) < {entry.name for entry in entries}
