"""Nothing that a file or a service names reaches a terminal as a command.

Class: foreign text printed as it is. Members: escape sequences of 7 and 8 bits (colour, title, clipboard),
carriage returns and backspaces that overwrite, marks of direction, invisible and deprecated tag characters,
bytes that are no UTF-8. Source: terminal escape injection, "Trojan Source".
"""

from __future__ import annotations

import ast
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from sharpstream.cli import printing, results, showing
from sharpstream.client import ServiceError
from sharpstream.client.models import Event

CLI = Path(printing.__file__).parent
HOSTILE = {
    "colour": "\x1b[31mred",
    "title": "\x1b]0;owned\x07",
    "clipboard": "\x1b]52;c;cm0gLXJm\x1b\\",
    "8-bit sequence": "\x9b31m",
    "8-bit string": "\x9d0;owned\x9c",
    "overwriting": "good\rbad",
    "backspace": "a\x08b",
    "bell": "\x07",
    "delete": "\x7f",
    "right to left": "gpj.\u202eexe",
    "isolate": "\u2066x\u2069",
    "mark": "\u200e\u200f\u061c",
    "invisible": "a\u200bb\ufeff",
    "separator": "a\u2028b\u2029",
    "tag": "\U000e0041",
    "no UTF-8": "caf\udce9.jpg",
    "NUL": "\0",
}
HARMLESS = "Zürich, 학점, \U0001f468\u200d\U0001f469\u200d\U0001f467, \u0646\u0645\u200c\u06cc"
"""Joined emoji and a Persian word, which need their joiners."""


def steers(text: str) -> list[str]:
    return [each for each in text if each != "\n" and not each.isprintable() and each not in "\u200c\u200d"]


@pytest.mark.parametrize("member", HOSTILE)
def test_lines_tables_facts_and_json_are_escaped(member: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = HOSTILE[member]
    printing.line(f"{text}: refused")
    printing.line(text, err=True)
    printing.facts({"name": text, "names": [text, "b"]})
    printing.table([text], {"name": lambda row: row, "all": lambda row: [row, row]}, empty="none")
    if member != "no UTF-8":  # the client's models come from UTF-8
        printing.as_json({"name": text})
    out = capsys.readouterr()
    assert steers(out.out + out.err) == []
    assert "\\u" in out.out
    assert "\\u" in out.err


@pytest.mark.parametrize("member", HOSTILE)
def test_json_keeps_its_meaning(member: str, capsys: pytest.CaptureFixture[str]) -> None:
    if member == "no UTF-8":
        pytest.skip("no JSON of a service has it")
    event = Event(type="x", subject=HOSTILE[member])
    printing.as_json(event)
    out = capsys.readouterr().out
    assert json.loads(out)["subject"] == HOSTILE[member]
    assert steers(out) == []


def test_what_people_write_stays(capsys: pytest.CaptureFixture[str]) -> None:
    printing.line(HARMLESS)
    printing.facts({"name": HARMLESS})
    assert capsys.readouterr().out.count(HARMLESS) == 2


@pytest.mark.parametrize("member", HOSTILE)
def test_errors_and_progress_are_escaped(
    member: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = HOSTILE[member]
    line = showing.Lines().photo(text)
    line.at(text, 0.5)
    printing.line(results.sentence(ServiceError("code", text, status=500, correlation_id=text)), err=True)
    assert steers(capsys.readouterr().err) == []
    drawn = io.StringIO()
    bars = showing.Bars()
    monkeypatch.setattr(bars._progress.live, "console", Console(file=drawn, width=200, color_system=None))
    bars.photo(text).at(text, 0.5)
    bars._progress.console.print(bars._progress.get_renderable())
    assert steers(drawn.getvalue().replace("\x1b", "")) == [] or text not in drawn.getvalue()


def test_a_cell_cannot_begin_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    printing.facts({"name": "a\nsharpstream: paid"})
    printing.table(["a\nsharpstream: paid"], {"name": lambda row: row}, empty="none")
    assert not [line for line in capsys.readouterr().out.splitlines() if line.startswith("sharpstream")]


def printed_elsewhere(tree: ast.AST) -> list[int]:
    found: list[int] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            call: Any = node.func
            name = ast.unparse(call)
            if name in {"print", "typer.echo", "typer.secho", "click.echo"} or name.endswith(
                ("stdout.write", "stderr.write")
            ):
                found.append(node.lineno)
    return found


def test_the_command_line_prints_nowhere_else() -> None:
    found = {path.name: printed_elsewhere(ast.parse(path.read_text())) for path in CLI.glob("*.py")}
    assert {name: lines for name, lines in found.items() if lines and name != "printing.py"} == {}
    assert printed_elsewhere(ast.parse("print(1); sys.stderr.write('x'); typer.echo(2)")) == [1, 1, 1]
    assert sys.stdout is not None


def test_csv_holds_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    names = ("day", "name", "count")
    rows = [("2026-01-31", "=1+1", -3), ("@x", 'a "b", c', None)]
    printing.as_csv(names, rows)
    assert capsys.readouterr().out == ('day,name,count\n2026-01-31,\'=1+1,-3\n\'@x,"a ""b"", c",\n')
