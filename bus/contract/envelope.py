"""CloudEvents 1.0, Kafka binding, binary mode: attributes in headers, the message as a JSON value.

An `OutRecord` is a message ready for Kafka; an `Envelope` is one that came from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

import msgspec

from bus.contract import ids, messages
from bus.contract.topics import Topic
from bus.runtime.errors import UndecodableError

M = TypeVar("M", bound=messages.Message)
Headers = list[tuple[str, bytes]]

CONTENT_TYPE: Final = b"application/json"
_encoder: Final = msgspec.json.Encoder()
_decoders: Final[dict[str, msgspec.json.Decoder[Any]]] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class OutRecord:
    """A record to publish, directly or through the outbox."""

    topic: str
    key: bytes
    value: bytes
    headers: Headers


@dataclass(frozen=True, kw_only=True, slots=True)
class Envelope(Generic[M]):
    """A decoded record: CloudEvents attributes and the message itself."""

    id: str
    type: str
    source: str
    time: datetime
    subject: str
    message: M
    traceparent: str | None = None
    correlation_id: str | None = None


def record(
    topic: Topic,
    message: messages.AnyMessage,
    *,
    key: UUID,
    source: str,
    time: datetime | None = None,
    event_id: UUID | None = None,
    traceparent: str | None = None,
    correlation_id: str | None = None,
) -> OutRecord:
    """Return ``message`` as a record for ``topic``.

    ``source`` is the role, such as ``/sharpstream/gateway``. The id defaults to the deterministic one of
    (subject, type); pass one where a subject may have several events of a type. Raises `TypeError` for a
    message that the topic does not declare.
    """
    if not isinstance(message, topic.types):
        raise TypeError(
            f"{type(message).__name__} is not declared for {topic.name}; see bus/contract/topics.py"
        )
    kind, subject = messages.type_of(message), messages.subject_of(message)
    headers = attributes(
        event_id=event_id or ids.event_id(subject, kind),
        type=kind,
        source=source,
        time=time or datetime.now(UTC),
        subject=subject,
        traceparent=traceparent,
        correlation_id=correlation_id,
    )
    return OutRecord(topic=topic.name, key=str(key).encode(), value=_encoder.encode(message), headers=headers)


def attributes(
    *,
    event_id: UUID,
    type: str,  # noqa: A002  (CloudEvents' word)
    source: str,
    time: datetime,
    subject: UUID,
    traceparent: str | None,
    correlation_id: str | None,
) -> Headers:
    """Return the headers of a CloudEvent in binary mode."""
    headers: Headers = [
        ("ce_specversion", b"1.0"),
        ("ce_id", str(event_id).encode()),
        ("ce_type", type.encode()),
        ("ce_source", source.encode()),
        ("ce_time", time.isoformat().encode()),
        ("ce_subject", str(subject).encode()),
        ("content-type", CONTENT_TYPE),
    ]
    if traceparent:
        headers.append(("traceparent", traceparent.encode()))
    if correlation_id:
        headers.append(("correlation_id", correlation_id.encode()))
    return headers


def present(headers: Iterable[tuple[str, bytes | None]]) -> Headers:
    """Return the headers of a raw record with empty bytes for null values, which Kafka allows."""
    return [(name, value or b"") for name, value in headers]


def header(headers: Iterable[tuple[str, bytes]], name: str) -> str | None:
    """Return the first header of that name as text, or None."""
    for key, value in headers:
        if key == name:
            return value.decode(errors="replace")
    return None


def decode(topic: Topic, value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> Envelope[Any]:
    """Return the envelope of a raw record of ``topic``.

    Raises `UndecodableError` for a missing attribute, an unknown type or a body that does not fit it.
    """
    named = {name: raw.decode(errors="replace") for name, raw in reversed(headers)}
    try:
        message = _decoder(topic).decode(value or b"")
        kind = named["ce_type"]
        if kind != messages.type_of(message):
            raise UndecodableError(f"ce_type is {kind} but the body is {messages.type_of(message)}.")
        return Envelope(
            id=named["ce_id"],
            type=kind,
            source=named["ce_source"],
            time=datetime.fromisoformat(named["ce_time"]),
            subject=named["ce_subject"],
            message=message,
            traceparent=named.get("traceparent"),
            correlation_id=named.get("correlation_id"),
        )
    except KeyError as error:
        raise UndecodableError(f"The header {error} is missing; send CloudEvents in binary mode.") from error
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise UndecodableError(f"The record does not follow the contract of {topic.name}: {error}") from error


def _decoder(topic: Topic) -> msgspec.json.Decoder[Any]:
    decoder = _decoders.get(topic.name)
    if decoder is None:
        decoder = _decoders[topic.name] = msgspec.json.Decoder(topic.union)
    return decoder
