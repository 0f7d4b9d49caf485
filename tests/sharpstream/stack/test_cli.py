"""The output for users: help with examples, and one sentence instead of a traceback."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sharpstream.cli import stack
from sharpstream.stack import orphan_processes
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
    answer = sharpstream(
        home, "up", PATH=str(tmp_path), JAVA_HOME="", SHARPSTREAM_CACHE=str(tmp_path / "cache")
    )
    assert answer.returncode == 1
    assert "no `mvn` on the PATH" in one_sentence(answer.stderr)


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
