"""One trace from the request to the last projection: spans, linked by the W3C ``traceparent``.

The parent is always an explicit string, never an ambient context: between processes it is a header anyway,
and one rule is easier to keep than two. Until `bus.runtime.telemetry` installs a tracer, a span only passes
its parent on. Must not fail a request. Must not send an attribute that is not in `ATTRIBUTES`, which keeps
secrets and personal data out of traces.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

log = structlog.stdlib.get_logger(__name__)

INTERNAL, SERVER, CLIENT = SpanKind.INTERNAL, SpanKind.SERVER, SpanKind.CLIENT
PRODUCER, CONSUMER = SpanKind.PRODUCER, SpanKind.CONSUMER

ATTRIBUTES: Final = {
    "code": "error.type",
    "destination": "messaging.destination.name",
    "messages": "messaging.batch.message_count",
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
} | {
    name: f"sharpstream.{name}"
    for name in (
        "account_id",
        "attempt",
        "batch_size",
        "correlation_id",
        "delivery_id",
        "endpoint_id",
        "export_id",
        "format",
        "generation_id",
        "model",
        "photo_bytes",
        "priority",
        "projector",
    )
}
"""Every attribute that may leave the process, as callers and as traces name it: random ids, counts and
internal names. Others are dropped."""
_PROPAGATOR: Final = TraceContextTextMapPropagator()

_tracer: trace.Tracer | None = None


def install(tracer: trace.Tracer | None) -> None:
    """Record spans with ``tracer`` from here on; None turns tracing off."""
    global _tracer  # noqa: PLW0603  (like logging: one for the process, set by the composition root)
    _tracer = tracer


def enabled() -> bool:
    """Whether spans are recorded; check it before work that is only for them."""
    return _tracer is not None


class Span:
    """A span; as a context manager it ends itself. This base class is used while tracing is off.

    ``traceparent`` is the header to pass on: this span's own or, without one, the parent's.
    """

    __slots__ = ("traceparent",)

    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent

    def rename(self, name: str) -> None:
        """Set a name that was not known at the beginning."""

    def set(self, **attributes: Any) -> None:
        """Add attributes; see `span`."""

    def fail(self, code: str) -> None:
        """Mark it as failed. ``code`` is a stable word, never a message, which may quote a client."""

    def end(self) -> None:
        """End it; the context manager calls this."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if error is not None:
            self.fail(str(getattr(error, "code", type(error).__name__)))
        self.end()


class _Recorded(Span):
    """A span of the SDK."""

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        context = span.get_span_context()
        super().__init__(
            f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags) & 1:02x}"
        )
        self._span = span

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, **attributes: Any) -> None:
        self._span.set_attributes(_presentable(attributes))

    def fail(self, code: str) -> None:
        self.set(code=code)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        self._span.end()


def span(
    name: str, parent: str | None, *, kind: SpanKind = INTERNAL, links: Sequence[str] = (), **attributes: Any
) -> Span:
    """Begin a span below ``parent``, a traceparent; a new trace where that is None or malformed.

    Attributes that are None or not in `ATTRIBUTES` are left out.
    """
    if _tracer is None:
        return Span(parent)
    try:
        return _begin(name, parent, kind=kind, links=links, attributes=attributes)
    except Exception:
        log.exception("span_not_begun", name=name)  # a third-party sampler or processor
        return Span(parent)


def past(
    name: str,
    parent: str | None,
    *,
    began_ns: int,
    ended_ns: int,
    kind: SpanKind = INTERNAL,
    code: str | None = None,
    **attributes: Any,
) -> None:
    """Record a past span, in nanoseconds of `time.time_ns`. Without a parent nothing is recorded.

    ``code`` marks it as failed.
    """
    if _tracer is None or parent is None:
        return
    try:
        made = _begin(name, parent, kind=kind, attributes=attributes, began_ns=min(began_ns, ended_ns))
        if code is not None:
            made.fail(code)
        made._span.end(ended_ns)  # noqa: SLF001  (made five lines above)
    except Exception:
        log.exception("span_not_recorded", name=name)


class Traced(Protocol):
    """A Kafka record, read or to be published."""

    @property
    def topic(self) -> str:
        """The topic's name."""
        ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """CloudEvents attributes and the ``traceparent``."""
        ...


def each(verb: str, records: Sequence[Traced], *, began_ns: int, kind: SpanKind, **attributes: Any) -> None:
    """Record the handling of a batch: one span for each record, in that record's trace.

    Not one span with links: links lead only from the batch to the traces, so a trace would not show what
    became of its event. All spans have the batch's times and size.
    """
    if _tracer is None:
        return
    ended_ns, many = time.time_ns(), len(records)
    for record in records:
        named = dict(record.headers)
        past(
            f"{verb} {named.get('ce_type', b'unknown').decode(errors='replace')[:100]}",
            named.get("traceparent", b"").decode(errors="replace") or None,
            began_ns=began_ns,
            ended_ns=ended_ns,
            kind=kind,
            destination=record.topic,
            messages=many,
            **attributes,
        )


def normalized(traceparent: str | None) -> str | None:
    """Return a traceparent in version 00 of W3C Trace Context; None for a malformed one."""
    context = _context(traceparent)
    if context is None:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"


def _begin(
    name: str,
    parent: str | None,
    *,
    kind: SpanKind,
    links: Sequence[str] = (),
    attributes: Mapping[str, Any],
    began_ns: int | None = None,
) -> _Recorded:
    if _tracer is None:  # pragma: no cover  (switched off concurrently)
        raise RuntimeError("tracing is off")
    around = _context(parent)
    return _Recorded(
        _tracer.start_span(
            name,
            context=trace.set_span_in_context(trace.NonRecordingSpan(around or trace.INVALID_SPAN_CONTEXT)),
            kind=kind,
            attributes=_presentable(attributes),
            links=[trace.Link(each) for link in links if (each := _context(link)) is not None],
            start_time=began_ns,
            record_exception=False,  # messages and tracebacks may quote a client's input
            set_status_on_exception=False,
        )
    )


def _context(traceparent: str | None) -> trace.SpanContext | None:
    if not traceparent:
        return None
    found = _PROPAGATOR.extract({"traceparent": traceparent}, Context())
    context = trace.get_current_span(found).get_span_context()
    return context if context.is_valid else None


def _presentable(attributes: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    return {
        ATTRIBUTES[key]: value if isinstance(value, (int, float)) else str(value)
        for key, value in attributes.items()
        if value is not None and key in ATTRIBUTES
    }
