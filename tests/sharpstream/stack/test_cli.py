"""The output for users: help with examples, and one sentence instead of a traceback."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from sharpstream.cli import stack
from sharpstream.stack import orphan_processes
from sharpstream.stack.errors import HomeError
from sharpstream.stack.state_dir import Home
from tests.sharpstream.stack.cli import sharpstream, status


def one_sentence(text: str) -> str:
    """Return the last line, which must be the only one that is not progress."""
    lines = [line for line in text.splitlines() if not line.startswith("  ")]
    assert len(lines) == 1, text
    return lines[0]


def test_up_without_java(home: Home, tmp_path: Path) -> None:
    answer = sharpstream(home, "up", PATH=str(tmp_path), JAVA_HOME="")
    assert answer.returncode == 1
    assert one_sentence(answer.stderr).startswith("sharpstream: Kafka needs Java")
    assert orphan_processes.find(home) == []


def test_up_without_maven(home: Home, tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("""#!/bin/sh\necho 'openjdk version "17.0.1" 2021-10-19' >&2\n""")
    java.chmod(0o755)
    nowhere = {
        "SHARPSTREAM_CACHE": str(tmp_path / "cache"),
        "SHARPSTREAM_MAVEN_REPOSITORY": "http://127.0.0.1:9",
    }
    answer = sharpstream(home, "up", PATH=str(tmp_path), JAVA_HOME="", **nowhere)
    assert answer.returncode == 1
    assert ".jar could not be fetched from http://127.0.0.1:9" in one_sentence(answer.stderr)


def test_up_on_a_taken_port(home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        answer = sharpstream(home, "up", GATEWAY_PORT=str(port))
    assert answer.returncode == 1
    assert f"Port {port}, where the page is served, is in use" in one_sentence(answer.stderr)
    assert orphan_processes.find(home) == []


def test_nothing_runs(home: Home) -> None:
    shown = sharpstream(home, "status")
    assert (shown.returncode, shown.stdout) == (1, "Not running. Start it: sharpstream up\n")
    assert status(home)["ready"] is False
    assert sharpstream(home, "down").stdout == "Nothing was running.\n"
    stopped = sharpstream(home, "stack", "stop", "kafka")
    assert (stopped.returncode, stopped.stderr) == (
        1,
        "sharpstream: The stack does not run: sharpstream up\n",
    )


def test_logs_of_what_never_ran(home: Home) -> None:
    answer = sharpstream(home, "logs", "gateway")
    assert answer.returncode == 1
    assert answer.stderr == "sharpstream: There is no log of gateway; there are: none yet.\n"


def test_logs_are_marked_with_their_process(home: Home) -> None:
    home.log("kafka").write_text("one\ntwo\n")
    assert sharpstream(home, "logs", "-n", "1").stdout == "kafka      two\n"


@pytest.mark.parametrize(
    "verb", [["up"], ["down"], ["status"], ["logs"], ["stack", "stop"], ["stack", "start"]]
)
def test_every_verb_has_an_example(home: Home, verb: list[str]) -> None:
    answer = sharpstream(home, *verb, "--help")
    assert answer.returncode == 0
    assert "Example" in answer.stdout
    assert f"sharpstream {' '.join(verb)}" in answer.stdout


def test_a_fetch_in_the_background_is_shown() -> None:
    """By `status` in the line of its process, by `up` below the model."""
    note = "moge2-s is fetched, 41% of 141 MB; the bundled network works meanwhile"
    part = {"state": "ready", "pid": 7, "restarts": 0, "trouble": None, "note": note}
    report = {
        "gateway": {"url": "http://here"},
        "page": {"note": ""},
        "credentials_file": "credentials.json",
        "model": "layered",
        "webhooks": "may go to public addresses",
        "roles": {"inference": part, "export": part | {"note": None}},
    }
    inference, export = stack._table(report).splitlines()[1:3]
    assert inference == f"inference  ready            7         0  {note}"
    assert export == "export     ready            7         0"
    lines = stack._welcome(report, {"email": "a@b", "password": "p", "api_key": "k"}).splitlines()
    model = next(number for number, line in enumerate(lines) if "layered" in line)
    assert lines[model + 1].strip() == note


@pytest.mark.parametrize("command", ["up", "down", "reset kafka --yes"])
@pytest.mark.parametrize(
    "disk", ["a file", "a folder of the kernel's", "a name too long", "a read-only disk"]
)
def test_a_home_that_takes_no_data(tmp_path: Path, command: str, disk: str) -> None:
    """Whatever refuses, each command ends with a sentence or finds nothing to do."""
    root = tmp_path / "home"
    if disk == "a file":
        root.write_text("in the way")
    elif disk == "a folder of the kernel's":
        root = Path("/proc/home")
    elif disk == "a name too long":
        root = tmp_path / ("n" * 300)
    mounted = disk == "a read-only disk" and mount(root)
    try:
        answer = sharpstream(Home(root), *command.split())
    finally:
        if mounted:
            subprocess.run(["umount", root], check=True)
    assert "Traceback" not in answer.stderr
    if command == "down" and not mounted:
        assert answer.stdout == "Nothing was running.\n"
    else:
        assert answer.returncode == 1
        said = answer.stderr.splitlines()[-1] if "reset" in command else one_sentence(answer.stderr)
        assert said.startswith(f"sharpstream: The data cannot be kept in {root}: ")
        assert said.endswith("SHARPSTREAM_HOME=/other/disk.")


def mount(root: Path) -> bool:
    """Mount a read-only disk that holds a home, as root where the machine lets us; else skip."""
    root.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "tmpfs", root], check=False).returncode:
        root.rmdir()
        pytest.skip("mounting needs root")
    Home(root).create()
    subprocess.run(["mount", "-o", "remount,ro", root], check=True)
    return True


def test_a_disk_that_keeps_no_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT answers `chmod` and does nothing; passwords would be everybody's."""
    monkeypatch.setattr(Path, "chmod", lambda *_args, **_options: None)
    with pytest.raises(HomeError, match="keeps no permissions"):
        Home(tmp_path / "home").create()
