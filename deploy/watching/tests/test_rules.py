"""The rules are well formed, each alert fires in its test, and all are silent in the healthy one."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parents[1]
TESTS = sorted(Path(__file__).parent.glob("*_alerts.yaml"))
RULES = sorted((HERE / "rules").glob("*.yaml"))
sys.path.insert(0, str(HERE))
objectives = importlib.import_module("objectives")
promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed: on Debian, apt-get install prometheus",
)


def alerts() -> list[dict[str, Any]]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def cases() -> list[dict[str, Any]]:
    return [case for path in TESTS for case in yaml.safe_load(path.read_text())["tests"]]


@promtool
@pytest.mark.parametrize("path", [*RULES, HERE / "prometheus.yaml"], ids=lambda path: path.name)
def test_prometheus_accepts_it(path: Path) -> None:
    command = ["promtool", "check", "config" if path.name == "prometheus.yaml" else "rules", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_alerts_fire_and_keep_silent(path: Path) -> None:
    done = subprocess.run(
        ["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_has_a_test_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    expected = {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()}
    fired = {
        (check["alertname"], found["exp_labels"]["severity"])
        for case in cases()
        for check in case["alert_rule_test"]
        for found in check.get("exp_alerts", [])
    }
    silent = {
        check["alertname"]
        for case in cases()
        if case["name"] == "healthy"
        for check in case["alert_rule_test"]
        if not check.get("exp_alerts")
    }
    assert fired == expected
    assert silent == {name for name, _ in expected}


def test_the_healthy_system_exports_what_each_alert_asks() -> None:
    """Silence must not come from a series that is missing."""
    series = {
        re.split(r"[{]", each["series"])[0]
        for case in cases()
        if case["name"] == "healthy"
        for each in case["input_series"]
    }
    asked = {
        name
        for path in RULES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        for name in re.findall(r"\b(?:sharpstream_\w+|up)\b", rule["expr"])
    }
    assert asked - series == set()


def test_every_alert_says_how_urgent_it_is_what_is_wrong_and_what_to_do() -> None:
    for rule in alerts():
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        assert set(rule["annotations"]) == {"summary", "runbook", "exported_by"}, rule["alert"]
        assert rule["annotations"]["runbook"] == f"docs/operations/alerts/{rule['alert']}.md"


def test_the_objectives_are_written_from_their_table() -> None:
    assert objectives.FILE.read_text() == objectives.text(), "run python deploy/watching/objectives.py"
