"""Missing or old tools are reported in one sentence with the command that installs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sharpstream.stack import java
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


def test_no_maven(programs: Path) -> None:
    with pytest.raises(MissingToolError, match=r"no `mvn` on the PATH.*apt-get install maven"):
        java.jars()


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
