"""From photos a second to machines, bytes and costs: the search for the least GPUs, and sums by hand."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

FOLDER = str(Path(__file__).parents[2] / "benchmarks")


@pytest.fixture(scope="module")
def sizing() -> ModuleType:
    sys.path.append(FOLDER)  # last: gateway.py and ledger.py there would hide our packages
    try:
        return importlib.import_module("_capacity_sizing")
    finally:
        sys.path.remove(FOLDER)


@pytest.fixture(scope="module")
def inputs(sizing):
    return sys.modules["_capacity_inputs"].read({})


@pytest.mark.parametrize(
    ("needed", "low", "found"),
    [
        (1, 1, 1),
        (2, 1, 2),
        (5, 1, 6),
        (6, 5, 6),
        (7, 7, 12),
        (12, 3, 12),
        (13, 10, 13),
        (117, 91, 117),
        (1, 40, 40),
    ],
)
def test_the_least_useful_number_of_workers_is_found(sizing, needed, low, found):
    """Up to 12 only divisors of 12 are worth anything; above, each worker has a partition of its own."""
    tried = []

    def run(workers: int) -> SimpleNamespace:
        assert workers >= 12 or 12 % workers == 0
        tried.append(workers)
        return SimpleNamespace(workers=workers, percentile=lambda _: 1.0 if workers >= needed else 99.0)

    workers, outcome = sizing.least_workers(run, low, 10.0)
    assert (workers, outcome.workers) == (found, found)
    assert len(tried) == len(set(tried)) < 20


def test_bytes_and_costs_are_the_sums(sizing, inputs):
    day = sizing.bytes_of(inputs, 2.0)
    assert day["database_gb_a_day"] == pytest.approx(2 * 86_400 * inputs.row_bytes / 1e9)
    one = {"photos_per_second": 2.0, "gpus": 4, "partitions": 12}
    beside = {"role_cores": {"gateway": 1.5, "export": 0.5}, "brokers": 3, "database_cores": 2}
    spent = sizing.costs(inputs, one, beside)
    hours = 1000 / 2 / 3600
    assert spent["GPUs"] == pytest.approx(4 * hours * inputs.gpu_hour)
    assert spent["roles"] == pytest.approx(2 * hours * inputs.core_hour)
    # 1,000 photos, their splats and a third of the viewers' files, for the months that they are kept.
    gigabytes = inputs.photo_mb + inputs.megabytes["ply"] + inputs.opened_share * inputs.megabytes["spz"]
    kept = gigabytes * inputs.s3_gb_month * inputs.days_kept / 30
    assert spent["S3"] == pytest.approx(kept, rel=0.03)


def test_what_a_photo_leaves_behind_was_measured(inputs):
    """What the schema has for a photo: two events, a scene, a usage row, a webhook and its delivery."""
    rows = {name: round(table["rows"]) for name, table in inputs.tables.items() if table["rows"] >= 0.5}
    assert rows == {
        "event_log": 2,
        "scene_generations": 1,
        "usage_logs": 1,
        "webhook_deliveries": 1,
        "webhook_messages": 1,
    }
    assert inputs.events_a_photo == rows["event_log"]
    assert 2_000 < inputs.row_bytes < 50_000
    assert inputs.topics["sharp.events.v1"] > 200


def test_the_first_limit_is_the_partitions(sizing, inputs):
    parts = [row["part"] for row in sizing.limits(inputs)]
    assert parts[0].startswith("12 partitions")
    rates = [row["photos_per_second"] for row in sizing.limits(inputs)]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(12 * inputs.busy / inputs.photo_gpu_s, abs=0.1)


def test_above_the_rate_of_a_cell_there_are_several(sizing, inputs, monkeypatch):
    outcome = SimpleNamespace(percentile=lambda _: 1.0, busy=0.5, batch=1.0)
    monkeypatch.setattr(sizing, "simulate", lambda _plan: outcome)
    found = sizing.size(inputs, 10_000, sizing.Length())
    assert found["cells"] == 50
    assert found["cell"]["photos_per_second"] == 200
    assert found["all"]["gpus"] == 50 * found["cell"]["gpus"]


def test_inputs_can_be_changed_by_name_alone(inputs):
    read = sys.modules["_capacity_inputs"].read
    assert read({"gpu_hour": 9.0}).gpu_hour == 9.0
    with pytest.raises(SystemExit, match="There is no input gpu_hours"):
        read({"gpu_hours": 9.0})
    assert all(one.source for one in inputs.assumed.values())
    assert np.all([one.value > 0 for one in inputs.assumed.values()])
