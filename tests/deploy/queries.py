"""Reads the queries of the alerts and dashboards: which metrics they ask, and by which labels."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
WATCHING = ROOT / "deploy/watching"
RULES = sorted((WATCHING / "rules").glob("*.yaml"))
DASHBOARDS = sorted((WATCHING / "dashboards").glob("*.json"))

OURS = re.compile(r"\bsharpstream_\w+")
SELECTED = re.compile(r"\b(sharpstream_\w+|process_\w+|up)\{([^}]*)\}")
MATCHER = re.compile(r'(\w+)\s*(?:=~|!~|!=|=)\s*"')
GROUPED = re.compile(r"\b(?:by|on) \(([^)]*)\)")
RECORDED = re.compile(r"\bsharpstream:\w+:\w+")


class Query(NamedTuple):
    """One expression and where it stands."""

    where: str
    text: str

    @property
    def metrics(self) -> set[str]:
        """Return the metrics of ours that it asks, as Prometheus stores them."""
        return set(OURS.findall(self.text))

    @property
    def labels(self) -> set[str]:
        """Return the labels by which it selects or groups."""
        selected = {name for _, inner in SELECTED.findall(self.text) for name in MATCHER.findall(inner)}
        grouped = {name.strip() for inner in GROUPED.findall(self.text) for name in inner.split(",")}
        return (selected | grouped) - {""}


def rules() -> list[dict[str, Any]]:
    """Return every rule, recorded ones too."""
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Return the rules that are alerts."""
    return [rule for rule in rules() if "alert" in rule]


def queries() -> Iterator[Query]:
    """Yield every expression of the rules and dashboards."""
    for rule in rules():
        yield Query(rule.get("alert") or rule["record"], rule["expr"])
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets") or ():
                yield Query(f"{path.name}: {panel['title']}", target["expr"])


def asked(rule: dict[str, Any]) -> set[str]:
    """Return the metrics that an alert asks, also by what is recorded for it."""
    recorded = {each["record"]: each["expr"] for each in rules() if "record" in each}
    found, left = set[str](), [rule["expr"]]
    while left:
        text = left.pop()
        found |= set(OURS.findall(text))
        left += [recorded[name] for name in RECORDED.findall(text)]
    return found


def family(metric: str) -> str:
    """Return the metric's name without what a histogram adds to it."""
    return re.sub(r"_(bucket|count|sum)$", "", metric)
