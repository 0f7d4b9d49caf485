"""A healthy system exports what the alerts ask for, from the roles that are said to, and would raise none.

An alert whose metric nobody exports keeps silent for ever, and so does one that asks the wrong role.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.queries import WATCHING, alerts, asked, family
from tests.e2e import photos
from tests.e2e.running import Running

ROLES = {"gateway", "relay", "webhooks", "partners", "inference", "export", "ledger"}
ON_GPUS = {"sharpstream_gpus", "sharpstream_gpu_memory_bytes"}
"""Not exported without a GPU; tests/inference_consumer/test_gpu.py has one."""
Samples = dict[tuple[str, str, frozenset[tuple[str, str]]], float]
"""Role, name of the sample and its labels -> value."""


def one_machine() -> ModuleType:
    spec = importlib.util.spec_from_file_location("one_machine", WATCHING / "one_machine.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scrape(running: Running) -> tuple[Samples, dict[str, set[str]]]:
    """Return the samples of all roles, and role -> the metrics that it exports, also without a sample."""
    samples: Samples = {}
    families: dict[str, set[str]] = {}
    for role, address in one_machine().targets(running.home).items():
        text = httpx.get(f"http://{address}/metrics").raise_for_status().text
        families[role] = set()
        for metric in text_string_to_metric_families(text):
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            families[role].add(name)
            for sample in metric.samples:
                samples[role, sample.name, frozenset(sample.labels.items())] = sample.value
    return samples, families


def values(samples: Samples, name: str) -> list[float]:
    return [value for (_, each, _), value in samples.items() if each == name]


def test_a_healthy_system_exports_what_every_alert_asks_and_raises_none(
    running: Running, tmp_path: Path
) -> None:
    photo = photos.landscape(tmp_path)
    with running.client() as client:
        sent = client.post(
            "/scenes/generate",
            files={"image": (photo.name, photo.read_bytes())},
            headers={"Prefer": "wait=30"},
        )
        assert sent.json()["status"] == "completed"

    def measured(found: tuple[Samples, dict[str, set[str]]]) -> bool:
        """Whether the ledger has measured and checked once since its start."""
        names = {name for _, name, _ in found[0]}
        return {
            "sharpstream_lag_seconds",
            "sharpstream_ledger_checked_timestamp_seconds",
            "sharpstream_database_bytes",
            "sharpstream_webhook_endpoints",
        } <= names

    samples, families = running.wait(lambda: scrape(running), measured)
    assert families.keys() == ROLES

    for rule in alerts():
        exporters = set(rule["annotations"]["exported_by"].split(", ")) & ROLES
        wanted = {family(name) for name in asked(rule)} - ON_GPUS
        exported = set[str]().union(*(families[role] for role in exporters))
        assert wanted <= exported, rule["alert"]
        assert all(wanted & families[role] for role in exporters if wanted), rule["alert"]

    # A counter that appears with its first value shows no rise: those of alerts are there before.
    for counter in (
        "webhook_attempts_total", "webhook_disabled_total", "worker_lost_total", "export_workers_lost_total",
        "periodic_failed_total", "ledger_checks_failed_total",
    ):  # fmt: skip
        assert values(samples, f"sharpstream_{counter}"), counter

    # What the simple alerts compare, with the values of this system.
    for role in ROLES:
        assert samples[role, "sharpstream_ready", frozenset()] == 1, role
        assert samples[role, "process_resident_memory_bytes", frozenset()] > 1e6
    assert sum(values(samples, "sharpstream_relay_active")) == 1
    assert max(values(samples, "sharpstream_relay_oldest_seconds")) < 60
    assert max(values(samples, "sharpstream_projector_log_replaced")) == 0
    assert max(values(samples, "sharpstream_ledger_exceptions")) == 0
    lag = {
        (dict(labels)["reader"], dict(labels)["topic"]): value
        for (_, name, labels), value in samples.items()
        if name == "sharpstream_lag_seconds"
    }
    assert {reader for reader, _ in lag} == {
        "ledger", "ledger.progress", "ledger.dead", "export.jobs", "webhooks", "partners", "inference",
        "export", "export.background",
    }  # fmt: skip
    assert max(lag.values()) < 120, lag
