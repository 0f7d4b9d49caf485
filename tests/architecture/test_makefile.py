"""All targets of the Makefile are explained, and a change is checked in the same way everywhere."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
PHONY = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)[0].split()


def helped() -> dict[str, str]:
    """Target -> its sentence in `make help`."""
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(re.findall(r"^  make (\S+) +(.*)$", done.stdout, re.MULTILINE))


def test_every_target_is_explained_in_the_order_of_the_file() -> None:
    said = helped()
    assert list(said) == PHONY
    assert [target for target, sentence in said.items() if len(sentence) < 10] == []


def test_every_target_without_a_file_is_declared() -> None:
    targets = re.findall(r"^([a-z][a-z-]*):", MAKEFILE, re.MULTILINE)
    assert sorted(targets) == sorted(PHONY)


def test_make_alone_shows_the_help() -> None:
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "make up " in done.stdout


def test_documents_name_targets_that_exist() -> None:
    paths = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")]
    asked = {
        (path.name, target)
        for path in paths
        for words in re.findall(r"`make ((?:[a-z]+ ?)+)[`\s(]", path.read_text())
        for target in words.split()
    }
    assert len(asked) > 5
    assert [one for one in sorted(asked) if one[1] not in PHONY] == []


def test_a_change_passes_lint_types_deployments_tests_and_one_drill() -> None:
    steps = [line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("make ")]
    assert [step.split("  #")[0] for step in steps] == [
        "make browser",
        "make lint",
        "make types",
        "make deploy-check",
        "make test",
        "make drill",
    ]
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    for step in ("make test", "make drill", "check: [lint, types, deploy-check]"):
        assert step in workflow


def test_lint_reads_the_workflows() -> None:
    recipe = re.findall(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[0]
    assert "zizmor --offline" in recipe
    assert "$(ACTIONLINT)" in recipe


def test_pre_commit_runs_what_make_lint_runs_without_network() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repository in config["repos"] for hook in repository["hooks"]]
    assert [repository["repo"] for repository in config["repos"]] == ["local"]
    assert [(hook["entry"], hook["language"]) for hook in hooks] == [("make lint", "system")]
    assert hooks[0]["pass_filenames"] is False
    assert hooks[0]["always_run"] is True


@pytest.mark.parametrize("name", ["bug", "feature", "question"])
def test_issue_forms_have_what_github_asks_for(name: str) -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / f"{name}.yml").read_text())
    assert {"name", "description", "body"} <= set(form)
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert any(field.get("validations", {}).get("required") for field in fields)
    ids = [field["id"] for field in fields]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in fields)


def test_the_development_container_has_what_the_readme_asks_for() -> None:
    folder = ROOT / ".devcontainer"
    container = json.loads((folder / "devcontainer.json").read_text())
    assert container["postCreateCommand"] == "make .venv/.dev-installed"
    dockerfile = (folder / container["build"]["dockerfile"]).read_text()
    python = re.search(r"^FROM python:3\.(\d+)", dockerfile, re.MULTILINE)
    node = re.search(r"^FROM node:(\d+)", dockerfile, re.MULTILINE)
    assert python
    assert int(python[1]) >= 11
    assert node
    assert int(node[1]) >= 20
    for package in ("openjdk-17", "maven", "make", "git"):
        assert package in dockerfile


@pytest.mark.parametrize(
    "name",
    [
        "LICENSE",
        "NOTICE",
        "SECURITY.md",
        "CONTRIBUTING.md",
        ".editorconfig",
        ".github/PULL_REQUEST_TEMPLATE.md",
    ],
)
def test_a_newcomers_documents_are_there(name: str) -> None:
    assert len((ROOT / name).read_text()) > 200
