"""The standard variables choose the exporter, and a process flushes its spans before it ends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time

import pytest

from bus.runtime import telemetry
from bus.runtime.errors import ConfigurationError
from tests.bus.collector import collecting

SCRIPT = """
import sys
from bus.runtime import logs, telemetry, tracing
logs.configure("tests")
with telemetry.exporting("relay"):
    with tracing.span("last words", "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"):
        pass
print([name for name in sys.modules if name.startswith("opentelemetry.sdk")] == [], tracing.enabled())
"""


def run(**environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    return subprocess.run(
        [sys.executable, "-c", SCRIPT], env=kept | environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, None),
        ({"OTEL_SDK_DISABLED": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, None),
    ],
)
def test_the_environment_selects_the_exporter(environment, wanted):
    assert telemetry.exporter_of(environment) == wanted


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "zipkin"),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "http/protobuf"),
    ],
)
def test_an_unsupported_exporter_stops_the_start(environment, said):
    with pytest.raises(ConfigurationError, match=said):
        telemetry.exporter_of(environment)


def test_the_sdk_is_not_loaded_when_tracing_is_off():
    done = run()
    assert (done.returncode, done.stdout.splitlines()) == (0, ["True False"]), done.stderr


def test_pending_spans_are_flushed_at_exit():
    with collecting() as collector:
        minute = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
        done = run(**minute)
    assert done.returncode == 0, done.stderr
    (span,) = collector.spans
    assert (span.service, span.name) == ("sharpstream-relay", "last words")
    assert (span.trace, span.parent) == ("ab" * 16, "cd" * 8)


def test_service_name_and_sampler_variables_are_respected():
    with collecting() as collector:
        done = run(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SERVICE_NAME="mine")
        none = run(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_TRACES_SAMPLER="always_off")
    assert (done.returncode, none.returncode) == (0, 0)
    assert [span.service for span in collector.spans] == ["mine"]


def test_an_unresponsive_collector_does_not_block_the_exit():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        done = run(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
        took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert "traces_not_flushed" in done.stdout
    assert took < 25, "a supervisor gives a process 30 s"
