"""The collector's configuration: what its pipelines name is there, and nothing is there for nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).resolve().parents[1]
FILE = HERE / "collector.yaml"
PROGRAM = os.environ.get("OTELCOL") or shutil.which("otelcol")
PARTS = ("receivers", "processors", "exporters")


@pytest.fixture
def collector() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text())


@pytest.mark.parametrize("part", PARTS)
def test_pipelines_use_what_is_declared_and_all_of_it(collector: dict[str, Any], part: str) -> None:
    used = {name for pipeline in collector["service"]["pipelines"].values() for name in pipeline[part]}
    assert used == set(collector[part])


def test_the_memory_limit_comes_first(collector: dict[str, Any]) -> None:
    for pipeline in collector["service"]["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"


def test_the_roles_protocol_is_received(collector: dict[str, Any]) -> None:
    """`bus.runtime.telemetry` sends OTLP over HTTP, to port 4318 by convention."""
    assert collector["receivers"]["otlp"]["protocols"]["http"]["endpoint"].endswith(":4318")


@pytest.mark.skipif(PROGRAM is None, reason="no collector: put otelcol on the PATH, or its path into OTELCOL")
def test_the_collector_accepts_it() -> None:
    done = subprocess.run(
        [str(PROGRAM), "validate", f"--config={FILE}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_grafana_is_given_the_datasource_and_the_folder_of_the_dashboards() -> None:
    provisioning = HERE / "grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    (provider,) = yaml.safe_load((provisioning / "dashboards/sharpstream.yaml").read_text())["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards"
