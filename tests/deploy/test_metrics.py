"""Every metric stands in docs/operations/README.md, and no label has an unbounded number of values."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

LABELS = {
    "format", "gpu", "reader", "rule", "state", "topic", "why", "feature",
    "code", "error", "group", "kind", "method", "network", "outcome", "priority", "projector", "reason",
    "route", "stage", "status", "task", "type", "work",
}  # fmt: skip
"""Each has a few dozen values at most, which we choose: `route` is a template, `error` a class of ours,
`topic` one that is declared in `bus.contract.topics`, `gpu` its number in the machine."""
SCRIPT = Path(__file__).parents[2] / "deploy/metrics.py"


@pytest.fixture(scope="module")
def metrics():
    spec = importlib.util.spec_from_file_location("deploy_metrics", SCRIPT)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_up_to_date(metrics):
    assert metrics.table() in metrics.DOCUMENT.read_text(), "run `python deploy/metrics.py`"


def test_no_label_is_without_limit(metrics):
    assert {label for metric in metrics.declared().values() for label in metric.labels} <= LABELS


def test_times_are_in_seconds_and_their_buckets_reach_what_matters(metrics):
    declared = metrics.declared()
    assert not [name for name in declared if name.endswith(("_ms", "_milliseconds"))]
    ends = {
        name: metric.last_bucket
        for name, metric in declared.items()
        if metric.type == "histogram" and name.endswith("_seconds")
    }
    assert len(ends) >= 5
    assert not {name: end for name, end in ends.items() if end < 1}
