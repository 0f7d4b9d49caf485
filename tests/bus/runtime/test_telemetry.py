"""The standard variables choose the exporter, and a process flushes its spans before it ends."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bus.runtime import telemetry
from bus.runtime.errors import ConfigurationError
from tests.bus.collector import collecting
from tests.certificates import Authority

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


def test_the_headers_for_the_collector_may_come_from_a_file(tmp_path: Path):
    file = tmp_path / "headers"
    file.write_text("authorization=Bearer abc,x-tenant=splats\n")
    with collecting() as collector:
        done = run(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_EXPORTER_OTLP_HEADERS_FILE=str(file))
    assert done.returncode == 0, done.stderr
    (headers,) = collector.headers
    sent = {name.lower(): value for name, value in headers.items()}
    assert (sent["authorization"], sent["x-tenant"]) == ("Bearer abc", "splats")


def test_an_unresponsive_collector_does_not_block_the_exit():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        done = run(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
        took = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    assert "traces_not_flushed" in done.stdout
    assert took < 25, "a supervisor gives a process 30 s"


@pytest.mark.parametrize("trusted", [True, False])
def test_spans_go_to_a_collector_with_tls_whose_authority_is_trusted(tmp_path, trusted):
    authority = Authority(tmp_path)
    files = authority.sign("collector", "127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    with collecting(context) as collector:
        ca = {"OTEL_EXPORTER_OTLP_CERTIFICATE": str(authority.ca)} if trusted else {}
        public = {
            "REQUESTS_CA_BUNDLE": str(Authority(tmp_path, "another").ca)
        }  # as a shell behind a company's proxy has it
        done = run(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, **ca, **public)
    assert done.returncode == 0, done.stderr
    assert [span.name for span in collector.spans] == (["last words"] if trusted else [])
    assert ("set OTEL_EXPORTER_OTLP_CERTIFICATE to the PEM file" in done.stdout) is not trusted


def test_a_file_of_authorities_that_cannot_be_read_stops_the_start(monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem")
    with (
        pytest.raises(ConfigurationError, match=r"OTEL_EXPORTER_OTLP_CERTIFICATE names /nowhere\.pem"),
        telemetry.exporting("relay"),
    ):
        pass
