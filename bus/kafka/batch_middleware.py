"""The FastStream middleware of batch subscribers: logging context, metrics and failed spans of each batch.

FastStream's own Prometheus middleware is not used: it reads the message body, which is empty here, counts a
batch under the topic of its first record, and would count again what `bus.bridges.projection` counts.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple

from aiokafka import ConsumerRecord
from faststream import BaseMiddleware
from faststream.kafka.message import KafkaAckableMessage
from faststream.message import StreamMessage
from prometheus_client import Gauge, Histogram
from structlog.contextvars import bound_contextvars

from bus.contract import topics
from bus.contract.envelope import header, present
from bus.runtime import tracing

IN_HAND: Final = Gauge(
    "sharpstream_projector_records_in_hand", "Records received and not yet acknowledged", ["projector"]
)
SECONDS: Final = Histogram(
    "sharpstream_projector_handling_seconds",
    "One batch, from its arrival to its acknowledgement, waits for Postgres included, seconds",
    ["projector", "outcome"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 10, 60, 600),
)
_LONGEST: Final = 100
"""Characters of an id in the logs; a header may hold anything."""
_KEYED_BY_ACCOUNT: Final = frozenset(topic.name for topic in topics.ALL if topic.key == "account id")


class Batch(KafkaAckableMessage):
    """A batch of records with the name of its projector."""

    def __init__(self, records: tuple[ConsumerRecord, ...], *, projector: str, consumer: Any) -> None:
        super().__init__(raw_message=records, body=b"", consumer=consumer)
        self.projector = projector


class BatchMiddleware(BaseMiddleware[Any, Any]):
    """Wraps the handling of one `Batch`; other messages pass unchanged. Changes no result and no error."""

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Any]], msg: StreamMessage[Any]) -> Any:
        """Bind the batch's ids to all log lines of its handling, record metrics, and trace a failure."""
        if not isinstance(msg, Batch):
            return await call_next(msg)
        records: Sequence[ConsumerRecord] = msg.raw_message
        began, began_ns, outcome = time.perf_counter(), time.time_ns(), "failed"
        in_hand = IN_HAND.labels(msg.projector)
        in_hand.inc(len(records))
        try:
            with bound_contextvars(projector=msg.projector, records=len(records), **shared_ids(records)):
                result = await call_next(msg)
            outcome = "acknowledged" if msg.committed else "left"
        except Exception as error:
            _trace_failure(msg.projector, records, error, began_ns)
            raise
        finally:
            in_hand.dec(len(records))
            SECONDS.labels(msg.projector, outcome).observe(time.perf_counter() - began)
        return result


def shared_ids(records: Sequence[ConsumerRecord]) -> dict[str, str]:
    """Return the account, generation and correlation ids that all records have in common, from their headers.

    A batch of one record, the usual case at low load, has all of its ids. No body is decoded.
    """
    found = _ids(records[0]) if records else {}
    for record in records:
        if not found:
            break
        found = dict(found.items() & _ids(record).items())
    return found


def _ids(record: ConsumerRecord) -> dict[str, str]:
    headers = present(record.headers)
    kind = header(headers, "ce_type") or ""
    ids = {
        "account_id": _text(record.key) if record.topic in _KEYED_BY_ACCOUNT else None,
        "correlation_id": header(headers, "correlation_id"),
        "generation_id": header(headers, "ce_subject") if kind.startswith("generation.") else None,
    }
    return {name: value[:_LONGEST] for name, value in ids.items() if value}


def _text(key: bytes | None) -> str | None:
    return key.decode(errors="replace") if key else None


class _Traced(NamedTuple):
    """A record in the form that `bus.runtime.tracing.each` reads."""

    topic: str
    headers: Sequence[tuple[str, bytes]]


def _trace_failure(
    projector: str, records: Sequence[ConsumerRecord], error: Exception, began_ns: int
) -> None:
    """Record a failed span in the trace of each record."""
    if tracing.enabled():
        tracing.each(
            "project",
            [_Traced(record.topic, present(record.headers)) for record in records],
            began_ns=began_ns,
            kind=tracing.CONSUMER,
            projector=projector,
            code=str(getattr(error, "code", type(error).__name__)),
        )
