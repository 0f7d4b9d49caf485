"""Missing or old tools are reported in one sentence with the command that installs them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sharpstream.stack import fetching, java
from sharpstream.stack.errors import MissingToolError, StartError


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the PATH, empty; and an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("SHARPSTREAM_CACHE", str(tmp_path / "cache"))
    return folder


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_no_java(programs: Path) -> None:
    with pytest.raises(MissingToolError, match=r"no `java` on the PATH.*apt-get install openjdk-17"):
        java.java()


def test_old_java(programs: Path) -> None:
    script(programs / "java", """echo 'openjdk version "11.0.2" 2019-01-15' >&2""")
    with pytest.raises(MissingToolError, match=r'needs Java 17, and .*/java is openjdk version "11\.0\.2"'):
        java.java()


def test_java_home_comes_first(programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "jdk" / "bin" / "java"
    mine.parent.mkdir(parents=True)
    script(mine, """echo 'openjdk version "21" 2023-09-19' >&2""")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert java.java() == str(mine)


class Repository(ThreadingHTTPServer):
    """A Maven repository on this machine; ``cut_after``: bytes until it breaks an answer off, once."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.cut_after, self.asked = files, 0, []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/maven2"


class _Handler(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        content = self.server.files.get(self.path.removeprefix("/maven2/"))
        begun = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.server.asked.append((self.path, begun))
        self.send_response(404 if content is None else 206 if begun else 200)
        left = (content or b"")[begun:]
        self.send_header("Content-Length", str(len(left)))
        self.end_headers()
        if self.server.cut_after:
            left, self.server.cut_after = left[: self.server.cut_after], 0
            self.close_connection = True
        self.wfile.write(left)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


FILES = {"org/a/1/a-1.jar": b"a" * 3_000_000, "org/b/2/b-2.jar": b"b" * 10}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """A repository of two jars, and the list of them; the machine has no Maven."""
    rows = [f"{p} {len(c)} {hashlib.sha256(c).hexdigest()}\n" for p, c in FILES.items()]
    (tmp_path / "jars.txt").write_text("".join(rows))
    made = Repository(dict(FILES))
    monkeypatch.setattr(java, "JARS", tmp_path / "jars.txt")
    monkeypatch.setenv(java.REPOSITORY, made.url)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.shutdown()
    made.server_close()


def test_without_maven_the_jars_come_by_a_list(programs: Path, repository: Repository) -> None:
    said: list[str] = []
    folder = java.jars(said.append)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name.rpartition("/")[2]: content for name, content in FILES.items()
    }
    assert said[-1] == "3 of 3 MB are here"
    assert len(repository.asked) == 2
    assert java.jars() == folder
    assert len(repository.asked) == 2


def test_a_fetch_that_was_cut_off_goes_on(programs: Path, repository: Repository) -> None:
    repository.cut_after = 1_000_000
    with pytest.raises(StartError, match=r"a-1\.jar could not be fetched.*Start again"):
        java.jars()
    assert sorted(path.name for path in java.jars().iterdir()) == ["a-1.jar", "b-2.jar"]
    again = repository.asked[1]
    assert again[0].endswith("a-1.jar")
    assert 0 < again[1] <= 1_000_000, "it goes on where it stopped"


def test_a_file_of_another_content_is_refused(programs: Path, repository: Repository) -> None:
    repository.files["org/b/2/b-2.jar"] = b"c" * 10
    for _ in range(2):
        with pytest.raises(StartError, match="not the file that was expected"):
            java.jars()
    repository.files["org/b/2/b-2.jar"] = b"b" * 10
    assert java.jars().is_dir()


def test_a_repository_without_the_file_is_said(programs: Path, repository: Repository) -> None:
    del repository.files["org/a/1/a-1.jar"]
    with pytest.raises(StartError, match=r"a-1\.jar could not be fetched from http://127\.0\.0\.1.*404"):
        java.jars()


def test_offline_names_what_is_missing(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHARPSTREAM_OFFLINE", "1")
    with pytest.raises(MissingToolError, match="without OFFLINE"):
        java.jars()


def test_the_list_is_of_what_maven_fetches() -> None:
    """After a change of pom.xml: path, size and SHA-256 of each jar in Maven's repository."""
    folder = java.jars()
    listed = {file.name: (file.size, file.sha256) for file in fetching.read_list(java.JARS)}
    there = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name: (len(b), hashlib.sha256(b).hexdigest()) for name, b in there.items()} == listed


def test_a_failing_maven_is_quoted_and_leaves_nothing(programs: Path, tmp_path: Path) -> None:
    script(programs / "mvn", "echo '[ERROR] no route to the repository'; exit 1")
    with pytest.raises(StartError, match=r"\[ERROR\] no route to the repository"):
        java.jars()
    assert not list((tmp_path / "cache").glob("kafka-*[0-9a-f]"))


def test_jars_are_fetched_once(programs: Path, tmp_path: Path) -> None:
    """The first call fills the cache through Maven; the second needs no Maven."""
    fill = """for a in "$@"; do case $a in
        -DoutputDirectory=*) /bin/mkdir -p "${a#*=}"; : > "${a#*=}/kafka.jar";;
    esac; done"""
    script(programs / "mvn", fill)
    folder = java.jars()
    assert os.listdir(folder) == ["kafka.jar"]  # noqa: PTH208
    (programs / "mvn").unlink()
    assert java.jars() == folder
