"""A machine with Python, make and git alone: `make up` brings Java, Kafka and Node, and builds the page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from sharpstream.stack import fetching, java, ports

pytestmark = [pytest.mark.stack, pytest.mark.drill]

ROOT = Path(__file__).parents[2]
HIDDEN = frozenset(
    {"java", "javac", "keytool", "mvn", "mvnDebug", "node", "nodejs", "npm", "npx", "corepack"}
)
CONFIGURATION = (".npmrc", ".config/pip", ".config/uv", ".pip")
"""Where this machine's packages come from; the rest of the home is new."""
PASSED = ("PIP_", "UV_", "SSL_CERT_", "NODE_EXTRA_", "REQUESTS_", "CURL_")


def programs(folder: Path) -> Path:
    """Link every program of this machine but those that are to be missing."""
    folder.mkdir()
    for where in os.environ["PATH"].split(os.pathsep):
        for path in sorted(Path(where).glob("*")) if Path(where).is_dir() else []:
            if path.name not in HIDDEN and not (folder / path.name).is_symlink():
                (folder / path.name).symlink_to(path)
    return folder


def home(folder: Path) -> Path:
    """Make a new home with this machine's configuration of package registries."""
    folder.mkdir()
    for name in CONFIGURATION:
        given = Path.home() / name
        if given.is_dir():
            shutil.copytree(given, folder / name)
        elif given.exists():
            shutil.copy2(given, folder / name)
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def repository(folder: Path) -> ThreadingHTTPServer:
    """Serve Kafka's jars, which this machine has, by the paths of a Maven repository."""
    jars = java.jars()
    for file in fetching.read_list(java.JARS):
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(jars / file.name)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def test_it_comes_up_with_its_page(tmp_path: Path) -> None:
    checkout, port = tmp_path / "sharpstream", ports.choose()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(checkout)], check=True)
    server = repository(tmp_path / "maven")
    env = {key: value for key, value in os.environ.items() if key.startswith(PASSED)} | {
        "PATH": str(programs(tmp_path / "bin")),
        "HOME": str(home(tmp_path / "home")),
        "GATEWAY_PORT": str(port),
        "INFERENCE_MODEL": "card",
        "SHARPSTREAM_MAVEN_REPOSITORY": f"http://127.0.0.1:{server.server_address[1]}",
    }
    assert shutil.which("java", path=env["PATH"]) is None
    make = ["make", f"PYTHON={sys.executable}"]
    try:
        offline = run([*make, "up", "OFFLINE=1"], checkout, env)
        assert offline.returncode != 0
        assert "is not installed and OFFLINE is set" in offline.stderr
        up = run([*make, "up"], checkout, env)
        assert up.returncode == 0, up.stdout + up.stderr
        assert "Sharpstream is up" in up.stdout
        assert "the web page is not built" not in up.stdout + up.stderr, up.stderr
        page = httpx.get(f"http://127.0.0.1:{port}/").text
        assert "/assets/" in page
        run([*make, "down"], checkout, env)
        again = run([*make, "up", "OFFLINE=1"], checkout, env)
        assert again.returncode == 0, again.stdout + again.stderr
    finally:
        run([*make, "down"], checkout, env)
        server.shutdown()
        server.server_close()


def run(command: list[str], where: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=where, env=env, capture_output=True, text=True, timeout=600, check=False
    )
