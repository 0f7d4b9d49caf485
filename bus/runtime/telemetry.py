"""Exports spans to a collector, if the standard environment variables enable it: OTLP over HTTP.

The SDK itself reads sampling, limits, headers and timeouts (``OTEL_TRACES_SAMPLER``, ``OTEL_BSP_*``,
``OTEL_EXPORTER_OTLP_*``, ``OTEL_RESOURCE_ATTRIBUTES``). It is imported only when enabled: 0.2 s and 20 MB.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import structlog

from bus.runtime import tracing
from bus.runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = structlog.stdlib.get_logger(__name__)

VARIABLES: Final = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "where traces go, as http://collector:4318; empty: no traces",
    "OTEL_EXPORTER_OTLP_HEADERS": "key=value, several with commas; what the collector wants to see",
    "OTEL_TRACES_EXPORTER": "otlp, console (for a look) or none; default: otlp where an endpoint is set",
    "OTEL_TRACES_SAMPLER": "default: parentbased_always_on; parentbased_traceidratio takes a share",
    "OTEL_TRACES_SAMPLER_ARG": "that share, 0 to 1",
    "OTEL_SERVICE_NAME": "default: sharpstream-gateway, sharpstream-relay, ...: one a role",
    "OTEL_SDK_DISABLED": "true: no traces, whatever else is set",
}
"""The standard keys in common use; every other key of the SDK works too."""
FLUSH_S: Final = 5.0
"""Time for the last flush when a process stops; a supervisor waits 30 s for everything."""
_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_BUILT_IN: Final = "http/protobuf"


def exporter_of(environment: Mapping[str, str]) -> str | None:
    """Return ``otlp`` or ``console``, or None where tracing is off. Raises `ConfigurationError`."""
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    implied = "otlp" if any(environment.get(key) for key in _ENDPOINTS) else "none"
    wanted = environment.get("OTEL_TRACES_EXPORTER") or implied
    if wanted == "none":
        return None
    if wanted not in {"otlp", "console"}:
        raise ConfigurationError(
            f"OTEL_TRACES_EXPORTER: {wanted} is not built in; say otlp, console or none."
        )
    protocol = next((environment[key] for key in _PROTOCOLS if environment.get(key)), _BUILT_IN)
    if wanted == "otlp" and protocol != _BUILT_IN:
        raise ConfigurationError(
            f"OTEL_EXPORTER_OTLP_PROTOCOL: {protocol} is not built in; use {_BUILT_IN} (port 4318)."
        )
    return wanted


@contextmanager
def exporting(role: str) -> Iterator[None]:
    """Export this process's spans while the body runs and flush them after it, unless tracing is off.

    Raises `ConfigurationError` at the start; while the collector is unreachable only spans are lost.
    """
    wanted = exporter_of(os.environ)
    if wanted is None:
        yield
        return
    provider = _provider(role, wanted)
    tracing.install(provider.get_tracer("sharpstream"))
    log.info("traces_on", exporter=wanted)
    try:
        yield
    finally:
        tracing.install(None)
        _shut(provider)


def _provider(role: str, wanted: str) -> TracerProvider:
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import (  # noqa: PLC0415
        BatchSpanProcessor,
        ConsoleSpanExporter,
        SpanExporter,
    )

    exporter: SpanExporter
    if wanted == "console":
        exporter = ConsoleSpanExporter(formatter=lambda span: span.to_json(indent=None) + "\n")
    else:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

        exporter = OTLPSpanExporter()
    named = {"service.namespace": "sharpstream"}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        named["service.name"] = f"sharpstream-{role}"
    # Not at exit: `exporting` has flushed by then, and a second attempt would delay the exit.
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _shut(provider: TracerProvider) -> None:
    """Flush for `FLUSH_S` at most: the SDK itself waits 30 s for an unreachable collector."""
    flushing = threading.Thread(target=provider.shutdown, name="flush-traces", daemon=True)
    flushing.start()
    flushing.join(FLUSH_S)
    if flushing.is_alive():
        log.warning("traces_not_flushed", after_s=FLUSH_S)
