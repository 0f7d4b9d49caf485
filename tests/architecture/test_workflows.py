"""The workflows of .github have few rights, keep no secret and run nothing that could change under its name.

zizmor and actionlint, which `make lint` runs, read them too; here are the rules of this project.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path.stem: path.read_text() for path in FILES}
WORKFLOWS: dict[str, dict[Any, Any]] = {name: yaml.safe_load(text) for name, text in TEXTS.items()}
JOBS = [(name, job, body) for name, flow in WORKFLOWS.items() for job, body in flow["jobs"].items()]
STEPS = [(f"{name}/{job}", step) for name, job, body in JOBS for step in body.get("steps", [])]
WRITES = {
    "images/image": {"id-token"},
    "deploy/deploy": {"id-token"},
    "release/images": {"id-token"},
    "release/dev": {"id-token"},
    "release/staging": {"id-token"},
    "release/production": {"id-token"},
    "release/release": {"contents"},
    "updates/propose": {"contents", "pull-requests", "actions"},
}
"""Every right to write, by job; nothing else may have one."""
PINNED = re.compile(r"uses: ([\w.-]+/[\w./-]+)@([0-9a-f]{40}) # (v\d+\.\d+\.\d+)\n")
every_workflow = pytest.mark.parametrize("name", WORKFLOWS)


def triggers(name: str) -> dict[str, Any]:
    found = WORKFLOWS[name][True]  # YAML 1.1 reads the key `on` as true
    return found if isinstance(found, dict) else dict.fromkeys(found)


def test_these_are_the_workflows() -> None:
    assert set(WORKFLOWS) == {"ci", "nightly", "audit", "images", "deploy", "release", "updates"}


def test_actions_are_pinned_by_hash_with_their_tag_beside_it() -> None:
    pins = {match.groups() for text in TEXTS.values() for match in PINNED.finditer(text)}
    used = [line.strip() for text in TEXTS.values() for line in text.splitlines() if "uses:" in line]
    others = [line for line in used if "./.github/workflows/" not in line and not PINNED.search(f"{line}\n")]
    assert others == []
    # One action has one hash everywhere, and no two actions have the same one.
    assert len({action for action, _, _ in pins}) == len({digest for _, digest, _ in pins}) == len(pins)


@every_workflow
def test_a_change_from_outside_gets_no_rights(name: str) -> None:
    assert not {"pull_request_target", "workflow_run", "issue_comment"} & set(triggers(name))
    assert WORKFLOWS[name]["permissions"] == {}


def test_each_job_names_its_rights_and_only_these_may_write() -> None:
    writes = {
        f"{name}/{job}": {right for right, kind in body["permissions"].items() if kind == "write"}
        for name, job, body in JOBS
    }
    assert {job: rights for job, rights in writes.items() if rights} == WRITES
    assert {kind for _, _, body in JOBS for kind in body["permissions"].values()} <= {"read", "write"}


def test_nothing_waits_for_ever_and_runs_do_not_meet() -> None:
    for name, job, body in JOBS:
        assert ("uses" in body) or 0 < body["timeout-minutes"] <= 120, f"{name}/{job}"
    for name, flow in WORKFLOWS.items():
        assert {"group", "cancel-in-progress"} == set(flow["concurrency"]), name
    # What pushes images or changes a stage is never cut off halfway.
    for name in ("images", "deploy", "release", "updates"):
        assert WORKFLOWS[name]["concurrency"]["cancel-in-progress"] is False


def test_checkouts_leave_no_token_behind() -> None:
    checkouts = [(job, step) for job, step in STEPS if "actions/checkout@" in step.get("uses", "")]
    assert len(checkouts) > 5
    assert [job for job, step in checkouts if step["with"]["persist-credentials"] is not False] == []


def test_scripts_get_values_by_their_environment_alone() -> None:
    assert [(job, step["run"]) for job, step in STEPS if "${{" in step.get("run", "")] == []


def test_no_secret_is_kept_in_github() -> None:
    """AWS is entered by roles that GitHub's own token opens; the only token is that of the run."""
    for name, text in TEXTS.items():
        assert "secrets." not in text, name
        assert "secrets: inherit" not in text, name
        assert not re.search(r"aws-(access|secret)", text), name
    roles = [step["with"] for _, step in STEPS if "configure-aws-credentials@" in step.get("uses", "")]
    assert len(roles) == 2
    assert all(role["role-to-assume"].startswith("${{ vars.AWS_") for role in roles)


def test_only_environments_reach_aws() -> None:
    for name, job, body in JOBS:
        if "id-token" in body["permissions"]:
            called = "uses" in body
            assert called or "environment" in body, f"{name}/{job}"
    assert triggers("deploy")["workflow_dispatch"]["inputs"]["stage"]["options"] == [
        "dev",
        "staging",
        "production",
    ]


def test_a_release_goes_through_every_check_and_stage_in_turn() -> None:
    jobs = WORKFLOWS["release"]["jobs"]
    order = {name: body.get("needs") for name, body in jobs.items()}
    assert order == {
        "notes": None,
        "ci": "notes",
        "audit": "notes",
        "images": ["ci", "audit"],
        "release": "images",
        "dev": "release",
        "staging": "dev",
        "production": "staging",
    }
    assert {jobs[stage]["with"]["stage"] for stage in ("dev", "staging", "production")} == {
        "dev",
        "staging",
        "production",
    }


def test_images_are_scanned_before_they_are_pushed_and_only_of_fresh_base_images() -> None:
    jobs = WORKFLOWS["images"]["jobs"]
    assert jobs["image"]["needs"] == "plan"
    assert jobs["plan"]["steps"][-1]["run"] == "python3 deploy/images.py check"
    names = [step.get("name") for step in jobs["image"]["steps"] if step.get("name")]
    assert names == ["build", "scan", "push", "record the digest"]
    build, scan, push = (
        step["with"] for step in jobs["image"]["steps"] if step.get("name") in {"build", "scan", "push"}
    )
    assert (build["push"], push["push"]) == (False, True)
    assert (push["sbom"], push["provenance"]) == (True, "mode=max")
    assert scan["fail-build"] is True
    assert {key: build[key] for key in ("context", "file", "target", "build-args")} == {
        key: push[key] for key in ("context", "file", "target", "build-args")
    }


def test_what_makes_updates_cannot_write_and_what_writes_runs_nothing_of_packages() -> None:
    make, propose = (WORKFLOWS["updates"]["jobs"][job] for job in ("make", "propose"))
    assert make["permissions"] == {"contents": "read"}
    scripts = " ".join(step.get("run", "") for step in propose["steps"])
    assert not re.search(r"\b(make|pip|uv|npm|python3?)\b", scripts)
    paths = {row["what"]: row["paths"] for row in make["strategy"]["matrix"]["include"]}
    assert paths == {row["what"]: row["paths"] for row in propose["strategy"]["matrix"]["include"]}


def test_bots_watch_every_npm_and_go_lock() -> None:
    rows = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())["updates"]
    watched = {row["package-ecosystem"]: row.get("directories", [row.get("directory")]) for row in rows}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for kind, lock in (("npm", "package-lock.json"), ("gomod", "go.mod")):
        folders = sorted(f"/{Path(line).parent}" for line in listed.stdout.split() if Path(line).name == lock)
        assert sorted(watched[kind]) == folders
    audited = re.findall(r"^NPM := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[0]
    assert sorted(audited.replace("\\", "").split()) == sorted(one[1:] for one in watched["npm"])


def test_the_document_names_every_variable_and_environment() -> None:
    text = (ROOT / "docs" / "operations" / "delivery.md").read_text()
    variables = {name for flow in TEXTS.values() for name in re.findall(r"vars\.([A-Z_]+)", flow)}
    assert variables
    assert {name for name in variables if f"`{name}`" not in text} == set()
    for environment in ("dev", "staging", "production", "registry"):
        assert f"`{environment}`" in text
    assert [name for name in WORKFLOWS if f"`{name}`" not in text] == []
