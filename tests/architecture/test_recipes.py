"""The recipes of docs/contributing.md: each registry agrees with each catalogue, and the steps exist."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_args

import pytest

from bus.contract import messages, topics
from bus.contract.format_catalogue import FACTS
from bus.contract.formats import FORMATS
from bus.contract.models import MODELS, model_of
from bus.contract.options import OPTIONS
from export_consumer.formats import MADE
from gateway import policy
from gateway.app import create_app
from gateway.scenes.export_routes import list_formats
from gateway.streaming.event_routes import KNOWN
from inference_consumer.models import REGISTRY
from tests.architecture import surface
from tests.architecture.table_writers import tables
from tests.sharpstream.client.test_contract import OPERATIONS, PAGES, STREAMS, call_of, described

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDE = (DOCS / "contributing.md").read_text()
SCHEMA_TS = (ROOT / "clients" / "typescript" / "src" / "schema.ts").read_text()
ASYNCAPI = json.loads((DOCS / "asyncapi.json").read_text())
QUOTED = re.findall(r"`([^`\n]+)`", GUIDE)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_app(surface._settings()).openapi_schema.to_schema()


def test_formats_are_the_same_everywhere(document: dict[str, Any]) -> None:
    names = list(FORMATS)
    assert sorted(MADE) == sorted(names), "run: python -m export_consumer.catalogue"
    assert names == list(FACTS) == list(OPTIONS) == [item.name for item in list_formats.fn().items]
    table, _, _ = (DOCS / "formats.md").read_text().partition("## What a round trip")
    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == names
    words = f"one of: {', '.join(names)}."
    assert words in document["components"]["schemas"]["ExportIn"]["properties"]["format"]["description"]
    assert words in SCHEMA_TS, "run: npm --prefix web run types"


def test_models_are_the_same_everywhere() -> None:
    """Read, not imported: one of them needs torch."""
    assert {model_of(name): facts.module for name, facts in MODELS.items()} == REGISTRY
    makers = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "inference_consumer").rglob("*.py")
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "make"
    }
    assert makers == set(REGISTRY.values())


def tag(kind: type[messages.Message]) -> str:
    return str(kind.__struct_config__.tag)


def test_event_types_are_the_same_everywhere() -> None:
    kinds = get_args(messages.Event)
    declared = {
        each
        for each in vars(messages).values()
        if isinstance(each, type) and issubclass(each, messages.Message) and each is not messages.Message
    }
    assert declared == set(get_args(messages.AnyMessage)), "a message that no union holds"
    assert {path.stem for path in (DOCS / "schemas").glob("*.json")} == {tag(each) for each in declared}
    channel = ASYNCAPI["channels"][topics.EVENTS.name]
    assert set(channel["messages"]) == {tag(each) for each in kinds}
    assert set(KNOWN) == {tag(each) for each in (*kinds, *get_args(messages.Progress))}
    assert set(topics.EVENTS.types) == set(kinds)


def test_routes_are_the_same_everywhere(document: dict[str, Any]) -> None:
    described_ids = {
        operation["operationId"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method in surface.METHODS
    }
    assert described_ids <= policy.POLICY.keys()
    committed = json.loads(surface.COMMITTED.read_text())["rest"]["operations"].values()
    assert {operation["id"] for operation in committed} == described_ids
    of_client = {
        described(document, call.method, call.path)["operationId"]
        for call in map(call_of, OPERATIONS.values())
    }
    assert of_client == described_ids - PAGES - STREAMS
    _, _, of_page = SCHEMA_TS.partition("export interface operations {")
    assert set(re.findall(r"^    (\w+): \{", of_page, re.MULTILINE)) == described_ids


def test_retry_topics_are_the_same_everywhere() -> None:
    retries = (*topics.GENERATION_RETRIES, *topics.EXPORT_RETRIES, *topics.BACKGROUND_RETRIES)
    listed = {topic.name for topic in topics.ALL if topic.delay_ms}
    assert {name for name in ASYNCAPI["channels"] if ".retry." in name} == listed
    assert {topic.name for topic in retries} <= listed  # a former delay's topic is read for one more release
    assert sorted({each.delay_ms for each in retries}) == list(topics.RETRY_DELAYS_MS)


def test_a_new_format_is_one_file(tmp_path: Path) -> None:
    for package in ("bus", "export_consumer"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "docs").mkdir()
    shutil.copy(DOCS / "formats.md", tmp_path / "docs")
    source = (ROOT / "export_consumer" / "formats" / "ply.py").read_text()
    rank, title = "rank=10,", 'title="3DGS PLY",'
    assert rank in source
    assert title in source
    source = source.replace(rank, "rank=15,").replace(title, 'title="New PLY",')
    (tmp_path / "export_consumer" / "formats" / "ply_new.py").write_text(source)

    def python(*arguments: str) -> str:
        environment = os.environ | {"PYTHONPATH": str(tmp_path)}
        command = [sys.executable, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        ).stdout

    python("-m", "export_consumer.catalogue")
    listed = "from bus.contract import formats, options; print(formats.__file__, *formats.FORMATS)"
    where, *names = python("-c", f"{listed}; options.read('ply_new', {{'up': 'y'}})").split()
    assert Path(where).is_relative_to(tmp_path)
    assert names == [FORMATS[0], "ply_new", *FORMATS[1:]]
    assert "\n| `ply_new` | " in (tmp_path / "docs" / "formats.md").read_text()


def test_every_file_of_the_guide_exists() -> None:
    paths = {word.partition("::")[0] for word in QUOTED if re.fullmatch(r"[\w./-]+/[\w.-]*(::\w+)?", word)}
    made = {".venv", "requirements"}  # made by make, and a folder named with its slash
    missing = {each for each in paths if not (ROOT / each).exists() and each.partition("/")[0] not in made}
    assert missing == set()
    assert len(paths) > 40


def test_every_test_of_the_guide_exists() -> None:
    named = [word.split("::") for word in QUOTED if "::" in word]
    assert [
        f"{file}::{name}" for file, name in named if f"def {name}(" not in (ROOT / file).read_text()
    ] == []
    assert len(named) >= 10


def test_every_command_of_the_guide_exists() -> None:
    modules = set(re.findall(r"python -m ([a-z_.]+)", GUIDE))
    assert {name for name in modules if find_spec(name) is None} == set()
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z]+)", GUIDE)) <= targets
    scripts = json.loads((ROOT / "web" / "package.json").read_text())["scripts"]
    assert set(re.findall(r"npm --prefix web run (\w+)", GUIDE)) <= scripts.keys()


def test_the_guide_leads_to_every_table() -> None:
    assert "tables.md" in GUIDE
    text = (DOCS / "tables.md").read_text()
    assert {name for name in tables() if f"| `{name}` |" not in text} == set()
