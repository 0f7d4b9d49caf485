"""Every metric stands in docs/operations.md, and no label has an unbounded number of values."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

LABELS = {
    "format", "rule", "why", "feature",
    "code", "error", "group", "kind", "method", "network", "outcome", "priority", "projector", "reason",
    "route", "stage", "status", "task", "type", "work",
}  # fmt: skip
"""Each has a few dozen values at most, which we choose: `route` is a template, `error` a class of ours."""
SCRIPT = Path(__file__).parents[2] / "deploy/metrics.py"


@pytest.fixture(scope="module")
def metrics():
    spec = importlib.util.spec_from_file_location("deploy_metrics", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_up_to_date(metrics):
    assert metrics.table() in metrics.DOCUMENT.read_text(), "run `python deploy/metrics.py`"


def test_no_label_is_without_limit(metrics):
    assert {label for metric in metrics.declared().values() for label in metric._labelnames} <= LABELS


def test_times_are_in_seconds_and_their_buckets_reach_what_matters(metrics):
    declared = metrics.declared()
    assert not [name for name in declared if name.endswith(("_ms", "_milliseconds"))]
    ends = {
        name: metric._kwargs["buckets"][-1]
        for name, metric in declared.items()
        if metric._type == "histogram" and name.endswith("_seconds")
    }
    assert len(ends) >= 5
    assert not {name: end for name, end in ends.items() if end < 1}
