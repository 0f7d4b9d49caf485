"""The batch middleware: log context, metrics and spans of a batch, and unchanged results and errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from aiokafka import ConsumerRecord
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import REGISTRY
from structlog.contextvars import get_contextvars

from bus.contract import topics
from bus.kafka.batch_middleware import Batch, BatchMiddleware, shared_ids
from bus.runtime import tracing
from bus.runtime.errors import PermanentError

ACCOUNT, OTHER = b"0190d0c4-0000-7000-8000-000000000001", b"0190d0c4-0000-7000-8000-000000000002"
TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Consumer:
    """A consumer that accepts commits."""

    async def commit(self) -> None:
        """Accept the commit."""


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    provider, exporter = TracerProvider(shutdown_on_exit=False), InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.install(provider.get_tracer("tests"))
    yield exporter
    tracing.install(None)


@pytest.fixture
def name(unique) -> str:
    return unique("projector")  # metrics are kept for the life of the process


def record(
    key: bytes | None = ACCOUNT,
    *,
    topic: str = topics.EVENTS.name,
    kind: bytes = b"generation.completed.v1",
    subject: bytes = b"g-1",
    correlation: bytes | None = b"c-1",
) -> ConsumerRecord:
    headers = [("ce_type", kind), ("ce_subject", subject), ("traceparent", TRACEPARENT)]
    headers += [("correlation_id", correlation)] if correlation else []
    return ConsumerRecord(
        topic=topic,
        partition=0,
        offset=0,
        timestamp=0,
        timestamp_type=0,
        key=key,
        value=b"{}",
        checksum=None,
        serialized_key_size=0,
        serialized_value_size=2,
        headers=headers,
    )


def batch(name: str, *records: ConsumerRecord) -> Batch:
    return Batch(records, projector=name, consumer=Consumer())


async def through(message, handler):
    return await BatchMiddleware(message.raw_message, context=None).consume_scope(handler, message)


def measured(name: str, outcome: str) -> float | None:
    labels = {"projector": name, "outcome": outcome}
    return REGISTRY.get_sample_value("sharpstream_projector_handling_seconds_count", labels)


def in_hand(name: str) -> float | None:
    return REGISTRY.get_sample_value("sharpstream_projector_records_in_hand", {"projector": name})


async def test_ids_are_bound_while_a_batch_is_handled_and_cleared_after_it(name):
    async def handler(message):
        seen.update(get_contextvars(), in_hand=in_hand(name))
        await message.ack()
        return "answer"

    before, seen = get_contextvars(), {}
    assert await through(batch(name, record(), record()), handler) == "answer"
    assert seen == before | {
        "projector": name,
        "records": 2,
        "account_id": ACCOUNT.decode(),
        "generation_id": "g-1",
        "correlation_id": "c-1",
        "in_hand": 2,
    }
    assert get_contextvars() == before
    assert (in_hand(name), measured(name, "acknowledged")) == (0, 1)


@pytest.mark.parametrize(
    ("records", "shared"),
    [
        ([], {}),
        ([record(OTHER), record()], {"generation_id": "g-1", "correlation_id": "c-1"}),
        ([record(), record(subject=b"g-2")], {"account_id": ACCOUNT.decode(), "correlation_id": "c-1"}),
        ([record(), record(OTHER, subject=b"g-2", correlation=b"c-2")], {}),
        ([record(None, kind=b"\xff", correlation=None)], {}),
        ([record(kind=b"export.completed.v1", correlation=None)], {"account_id": ACCOUNT.decode()}),
        ([record(topic=topics.COMMANDS_BULK.name, correlation=None)], {"generation_id": "g-1"}),
        (
            [record(b"\xff" * 200, subject=b"", correlation=None)],
            {"account_id": "\N{REPLACEMENT CHARACTER}" * 100},
        ),
    ],
)
def test_an_id_is_bound_where_all_records_share_it(records: Sequence[ConsumerRecord], shared: dict[str, str]):
    assert shared_ids(records) == shared


async def test_headers_without_a_value_are_ignored(name):
    odd = record()
    odd = ConsumerRecord(**{**vars(odd), "headers": [("ce_type", None), ("correlation_id", None)]})

    async def handler(message):
        return len(message.raw_message)

    assert await through(batch(name, odd), handler) == 1
    assert measured(name, "left") == 1  # nothing was acknowledged


async def test_an_error_propagates_and_marks_the_span_of_each_record(name, spans):
    async def handler(_message):
        raise PermanentError("poison", code="poison")

    with pytest.raises(PermanentError, match="poison"):
        await through(batch(name, record(), record(OTHER)), handler)
    made = spans.get_finished_spans()
    assert [span.name for span in made] == ["project generation.completed.v1"] * 2
    assert {span.attributes["error.type"] for span in made} == {"poison"}
    assert {span.attributes["sharpstream.projector"] for span in made} == {name}
    assert {f"{span.context.trace_id:032x}" for span in made} == {TRACEPARENT.decode().split("-")[1]}
    assert (in_hand(name), measured(name, "failed")) == (0, 1)
    assert "projector" not in get_contextvars()
