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
from urllib.parse import urlsplit

import structlog

from bus.runtime import secret_files, tls, tls_probe, tracing
from bus.runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

log = structlog.stdlib.get_logger(__name__)

VARIABLES: Final = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "where traces go, as http://collector:4318; empty: no traces",
    "OTEL_EXPORTER_OTLP_CERTIFICATE": "PEM file of the authorities to trust, for https; default: public ones",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "PEM file of a role's certificate, where it is asked for one",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY": "PEM file of its private key",
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
_AUTHORITIES: Final = ("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_BUILT_IN: Final = "http/protobuf"
_HEADERS: Final = "OTEL_EXPORTER_OTLP_HEADERS"


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
    if wanted == "otlp":
        _prepare_tls(os.environ)
    provider = _provider(role, wanted)
    tracing.install(provider.get_tracer("sharpstream"))
    log.info("traces_on", exporter=wanted)
    try:
        yield
    finally:
        tracing.install(None)
        _shut(provider)


def _prepare_tls(environment: Mapping[str, str]) -> None:
    """Log a sentence where the collector and the settings do not agree about TLS; it may also be away.

    The file of authorities is the one that the key names, whatever else the shell says.

    Raises `ConfigurationError` for a file that cannot be read: the SDK would lose each span by itself.
    """
    ca = next((environment[key] for key in _AUTHORITIES if environment.get(key)), None)
    url = urlsplit(next((environment[key] for key in reversed(_ENDPOINTS) if environment.get(key)), ""))
    tls.check_ca_file(tls.COLLECTOR, ca)
    if ca:  # the exporter's HTTP library prefers this variable of the shell's to what the exporter gives it
        os.environ["REQUESTS_CA_BUNDLE"] = ca
    if url.scheme != "https" or not url.hostname:
        return
    context = tls.client_context(
        tls.COLLECTOR,
        ca_file=ca,
        cert_file=environment.get("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
        key_file=environment.get("OTEL_EXPORTER_OTLP_CLIENT_KEY"),
    )
    server = (url.hostname, url.port or 443)

    def ask() -> None:
        if said := tls_probe.trouble([server], context, b"GET / HTTP/1.0\r\n\r\n", tls.COLLECTOR):
            log.error("traces_tls_failed", error=said)

    threading.Thread(target=ask, name="check-collector", daemon=True).start()


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

        exporter = OTLPSpanExporter(headers=_headers())
    named = {"service.namespace": "sharpstream"}
    if not os.environ.get("OTEL_SERVICE_NAME"):
        named["service.name"] = f"sharpstream-{role}"
    # Not at exit: `exporting` has flushed by then, and a second attempt would delay the exit.
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _headers() -> dict[str, str] | None:
    """Return the headers of a file, as the SDK reads those of the variable; None leaves it to the SDK."""
    from opentelemetry.util.re import parse_env_headers  # noqa: PLC0415

    if not os.environ.get(f"{_HEADERS}{secret_files.SUFFIX}"):
        return None
    return dict(parse_env_headers(secret_files.value(_HEADERS) or "", liberal=True))


def _shut(provider: TracerProvider) -> None:
    """Flush for `FLUSH_S` at most: the SDK itself waits 30 s for an unreachable collector."""
    flushing = threading.Thread(target=provider.shutdown, name="flush-traces", daemon=True)
    flushing.start()
    flushing.join(FLUSH_S)
    if flushing.is_alive():
        log.warning("traces_not_flushed", after_s=FLUSH_S)
