"""Spans: their parents and attributes, and that tracing has no effect when off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from bus.contract.envelope import OutRecord
from bus.runtime import tracing
from bus.runtime.errors import TransientError

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = PARENT[:-2] + "00"


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.install(provider.get_tracer("tests"))
    yield exporter
    tracing.install(None)


def parent_of(span) -> str:
    return f"{span.parent.span_id:016x}"


def trace_id(traceparent: str | None) -> str:
    assert traceparent
    return traceparent.split("-")[1]


@pytest.mark.parametrize("parent", [None, PARENT])
def test_off_spans_pass_their_parent_on(parent):
    with tracing.span("x", parent, generation_id="g") as span:
        span.set(attempt=1)
        span.rename("y")
    tracing.past("x", parent, began_ns=1, ended_ns=2)
    tracing.each("x", [], began_ns=1, kind=tracing.CONSUMER)
    assert (span.traceparent, tracing.enabled()) == (parent, False)


def test_off_errors_propagate_unchanged():
    with pytest.raises(ValueError, match="mine"), tracing.span("x", PARENT):
        raise ValueError("mine")


def test_a_child_joins_its_parents_trace(spans):
    with tracing.span("outer", PARENT) as outer, tracing.span("inner", outer.traceparent):
        pass
    inner, first = spans.get_finished_spans()
    assert {f"{s.context.trace_id:032x}" for s in (inner, first)} == {trace_id(PARENT)}
    assert parent_of(first) == "b7ad6b7169203331"
    assert outer.traceparent == f"00-{trace_id(PARENT)}-{parent_of(inner)}-01"


@pytest.mark.parametrize(
    "parent",
    [
        None,
        "",
        "nonsense",
        PARENT.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        PARENT.replace("b7ad6b7169203331", "0" * 16),
        PARENT.upper(),
    ],
)
def test_an_invalid_parent_starts_a_new_trace(spans, parent):
    with tracing.span("x", parent) as span:
        pass
    (made,) = spans.get_finished_spans()
    assert made.parent is None
    assert trace_id(span.traceparent) == f"{made.context.trace_id:032x}"


def test_a_later_traceparent_version_is_read_as_version_00(spans):
    tracing.past("x", "cc" + PARENT[2:] + "-what-comes", began_ns=1, ended_ns=2)
    assert parent_of(spans.get_finished_spans()[0]) == "b7ad6b7169203331"


def test_an_unsampled_parent_is_propagated_but_not_exported(spans):
    with tracing.span("x", UNSAMPLED) as span:
        tracing.past("stage", span.traceparent, began_ns=1, ended_ns=2)
    assert spans.get_finished_spans() == ()
    assert trace_id(span.traceparent) == trace_id(PARENT)
    assert span.traceparent.endswith("-00")


def test_only_allowed_attributes_are_exported(spans):
    with tracing.span("x", None, generation_id="g", email="a@b.example", url="https://u:p@h") as span:
        span.set(password="hunter2", attempt=2, account_id=None)
    assert dict(spans.get_finished_spans()[0].attributes) == {
        "sharpstream.generation_id": "g",
        "sharpstream.attempt": 2,
    }


def test_an_error_exports_its_code_and_not_its_message(spans):
    with pytest.raises(TransientError), tracing.span("x", None):
        raise TransientError("cannot reach https://u:secret@h")
    with pytest.raises(KeyError), tracing.span("y", None):
        raise KeyError("a@b.example")
    first, second = spans.get_finished_spans()
    assert first.attributes["error.type"] == "temporarily_unavailable"
    assert second.attributes["error.type"] == "KeyError"
    assert {s.status.status_code for s in (first, second)} == {StatusCode.ERROR}
    assert "secret" not in first.to_json()
    assert "example" not in second.to_json()


def test_past_spans_keep_their_times(spans):
    tracing.past("fetch", PARENT, began_ns=1_000, ended_ns=5_000, code="blob_missing")
    tracing.past("turned back clock", PARENT, began_ns=9_000, ended_ns=5_000)
    tracing.past("nobody asked", None, began_ns=1_000, ended_ns=5_000)
    fetch, back = spans.get_finished_spans()
    assert (fetch.start_time, fetch.end_time) == (1_000, 5_000)
    assert fetch.attributes["error.type"] == "blob_missing"
    assert (back.start_time, back.end_time) == (5_000, 5_000)


def test_each_record_of_a_batch_has_a_span_in_its_own_trace(spans):
    other = PARENT.replace("0af7", "1111")
    records = [
        OutRecord(topic="t", key=b"", value=b"", headers=[("ce_type", b"a.v1"), ("traceparent", p.encode())])
        for p in (PARENT, other)
    ]
    plain = OutRecord(topic="t", key=b"", value=b"", headers=[("ce_type", b"a.v1")])
    tracing.each("project", [*records, plain], began_ns=1, kind=tracing.CONSUMER, projector="ledger")
    made = spans.get_finished_spans()
    assert [f"{s.context.trace_id:032x}" for s in made] == [trace_id(p) for p in (PARENT, other)]
    assert {s.name for s in made} == {"project a.v1"}
    assert dict(made[0].attributes) == {
        "messaging.destination.name": "t",
        "messaging.batch.message_count": 3,
        "sharpstream.projector": "ledger",
    }


def test_links(spans):
    with tracing.span("batch", None, links=[PARENT, "nonsense"]):
        pass
    (link,) = spans.get_finished_spans()[0].links
    assert f"{link.context.trace_id:032x}" == trace_id(PARENT)


def test_errors_of_the_tracer_are_ignored(monkeypatch):
    class Broken:
        def start_span(self, *_, **__):
            raise RuntimeError("a sampler of somebody else's")

    monkeypatch.setattr(tracing, "_tracer", Broken())
    with tracing.span("x", PARENT) as span:
        tracing.past("y", PARENT, began_ns=1, ended_ns=2)
    assert span.traceparent == PARENT


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (PARENT, PARENT),
        ("01-" + PARENT[3:] + "-more", PARENT),  # a later version, cut to the fields of version 00
        (PARENT + "-more", None),
        ("00-" + "0" * 32 + PARENT[35:], None),
        (PARENT[:36] + "0" * 16 + PARENT[52:], None),
        ("ff" + PARENT[2:], None),
        (PARENT.upper(), None),
        (PARENT + "\r\nX-Evil: 1", None),
        ("x" * 600, None),
        ("", None),
        (None, None),
    ],
)
def test_a_traceparent_is_normalized_or_dropped(given, kept):
    assert tracing.normalized(given) == kept
