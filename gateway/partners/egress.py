"""Copies each durable event of a partner's account to its topic, exactly once (`bus.kafka.processor`).

The value is the same JSON, byte for byte, as in every channel (`gateway.streaming.event`). The headers are
CloudEvents in binary mode, with the partner's own id of the job as ``ce_subject``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from bus.contract.envelope import CONTENT_TYPE, Headers, OutRecord, header
from bus.contract.partners import COMMAND_ID, Names
from bus.kafka.retry import Record
from bus.runtime.errors import SharpstreamError, UndecodableError
from gateway.partners import metrics
from gateway.partners.recipient_lookup import Addressee, Directory
from gateway.streaming.cursor import Cursor
from gateway.streaming.event import StreamEvent, from_record

GRACE: Final = timedelta(minutes=1)
"""Clock skew allowed: an event is skipped if it is older than its partner by more than this."""


class _JobIds(msgspec.Struct, frozen=True, kw_only=True):
    """The ids in an event's body that identify its command. An export's ``ce_subject`` would not."""

    generation_id: UUID | None = None
    command_id: UUID | None = None


_job_ids: Final = msgspec.json.Decoder(_JobIds)


class PartnerEgress:
    """A `bus.kafka.retry.Handler` and `bus.kafka.retry.GiveUp`. ``epoch``: the topic epoch."""

    def __init__(self, directory: Directory, *, epoch: int) -> None:
        self._directory, self._epoch = directory, epoch

    async def handle(self, record: Record) -> Sequence[OutRecord]:
        """Return the partner's copy of an event, if there is a partner. Raises `UndecodableError`."""
        try:
            cursor = Cursor(self._epoch, record.partition, record.offset)
            event = from_record(cursor, key=record.key, value=record.value, headers=record.headers)
            job = _job_ids.decode(event.body)
        except ValueError as error:
            raise UndecodableError(f"The event cannot be read: {error}") from error
        to = await self._directory.of(event.account_id, job.generation_id or job.command_id)
        if to is None or event.time < to.created_at - GRACE:
            return []
        metrics.DELIVERED.labels(event.type).inc()
        return [
            OutRecord(
                topic=Names(to.slug).events.name,
                key=record.key or b"",
                value=event.body_json,
                headers=_headers(event, to, header(record.headers, "traceparent")),
            )
        ]

    def give_up(self, record: Record, error: SharpstreamError) -> Sequence[OutRecord]:
        """Return nothing: an undecodable event has no recipient; it goes to the topic of dead records."""
        return []


def _headers(event: StreamEvent, to: Addressee, traceparent: str | None) -> Headers:
    texts = {
        "ce_specversion": "1.0",
        "ce_id": event.id,
        "ce_type": event.type,
        "ce_source": event.source,
        "ce_time": event.time.isoformat(),
        "ce_subject": to.subject or event.subject,
        COMMAND_ID: to.ce_id,
        "traceparent": traceparent,
    }
    headers = [(name, text.encode()) for name, text in texts.items() if text]
    return [*headers, ("content-type", CONTENT_TYPE)]
