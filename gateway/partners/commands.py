"""Parses a partner's record into a command. Never raises: an invalid record becomes a refusal.

A partner's topic may hold any bytes. Must not touch Postgres, the store or the network.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from bus.bridges.projection import RawRecord
from bus.contract.partners import GENERATE, MAX_ID_BYTES, MAX_PHOTO_BYTES, GenerateCommand
from bus.runtime.errors import PermanentError, SharpstreamError
from gateway.errors import DomainError
from gateway.partners import malformed_sentences
from gateway.partners.batch_reader import UnreadableRecord
from gateway.scenes.generate_request import GenerateRequest
from gateway.trace import Trace, new_trace, trace_from

_read: Final = msgspec.json.Decoder(GenerateCommand)


class _AsSent(msgspec.Struct):
    """The metadata of a valid command as its sender wrote them."""

    metadata: msgspec.Raw


_as_sent: Final = msgspec.json.Decoder(_AsSent)
_WAYS: Final = ("image_base64", "image_url", "upload_key")


class MalformedError(PermanentError):
    """A record that is not a valid command; the message says what is expected."""

    code = "command_malformed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """A parsed record: its ``request``, or the ``refusal`` that answers it.

    Unreadable ids are None.
    """

    ce_id: str | None
    subject: str | None
    fingerprint: bytes
    trace: Trace
    request: GenerateRequest | None = None
    refusal: SharpstreamError | None = None


def read(record: RawRecord) -> Command:
    """Return the command in a record."""
    if isinstance(record, UnreadableRecord):
        return Command(
            ce_id=None, subject=None, fingerprint=_fingerprint(None, None), trace=new_trace(),
            refusal=_unreadable(record),
        )  # fmt: skip
    named = dict(reversed(record.headers))
    known: dict[str, str | None] = {}
    request, refusal = None, None
    try:
        for name in ("ce_id", "ce_subject"):
            known[name] = _id(named, name)
        request = _request(named, known, record.value)
    except SharpstreamError as error:
        refusal = error
    return Command(
        ce_id=known.get("ce_id"),
        subject=known.get("ce_subject"),
        fingerprint=_fingerprint(known.get("ce_subject"), record.value),
        trace=trace_from(_text(named, "traceparent")),
        request=request,
        refusal=refusal,
    )


def _unreadable(record: UnreadableRecord) -> MalformedError:
    count = record.offset - record.first + 1
    which = "The record" if count == 1 else f"The {count} records from this offset on"
    return MalformedError(
        f"{which} cannot be read: a header's name is not UTF-8, the batch is broken, or it is larger than "
        "docs/partners.md allows."
    )


def _request(
    named: Mapping[str, bytes], known: Mapping[str, str | None], value: bytes | None
) -> GenerateRequest:
    """Return the request. Raises `SharpstreamError`."""
    kind = _text(named, "content-type") or "application/json"
    if kind.startswith("application/cloudevents"):
        raise MalformedError(
            "Send CloudEvents in binary mode: attributes in ce_ headers, the body alone as value."
        )
    if known["ce_id"] is None or _text(named, "ce_specversion") != "1.0":
        raise MalformedError("A command has the headers ce_specversion (1.0), ce_id, ce_type and ce_source.")
    if _text(named, "ce_type") != GENERATE:
        raise MalformedError(f"The ce_type must be {GENERATE}.", code="command_unknown")
    return _from_body(_body(value), value)


def _body(value: bytes | None) -> GenerateCommand:
    try:
        return _read.decode(value or b"")
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise MalformedError(malformed_sentences.sentence(error)) from error


def _from_body(body: GenerateCommand, value: bytes | None) -> GenerateRequest:
    sources = [body.image_base64, body.image_url, body.upload_key]
    given = [source for source in sources if source is not None]
    if len(given) != 1:
        raise DomainError(
            "source_invalid", f"Give one of {', '.join(_WAYS)}; this command gives {len(given)}."
        )
    if body.image_base64 is not None and len(body.image_base64) > MAX_PHOTO_BYTES:
        raise DomainError(
            "photo_too_large",
            f"A photo within a command has at most {MAX_PHOTO_BYTES} bytes; send image_url or upload_key.",
        )
    return GenerateRequest.from_fields(
        source=given[0],
        metadata=None if body.metadata is None else _as_sent.decode(value or b"").metadata,
        priority=body.priority,
        focal_length_px=body.focal_length_px,
        focal_length_mm=body.focal_length_mm,
        webhook_url=body.webhook_url,
        delete_after_hours=body.delete_after_hours,
    )


def _id(named: Mapping[str, bytes], name: str) -> str | None:
    """Return one of the partner's own ids. Raises `MalformedError` if it could not be returned unchanged."""
    raw = named.get(name)
    if not raw:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise MalformedError(f"The header {name} is no UTF-8.") from error
    if len(raw) > MAX_ID_BYTES or "\0" in text:
        raise MalformedError(f"The header {name} has 1 to {MAX_ID_BYTES} bytes and no U+0000.")
    return text


def _text(named: Mapping[str, bytes], name: str) -> str | None:
    raw = named.get(name)
    return raw.decode(errors="replace") if raw is not None else None


def _fingerprint(subject: str | None, value: bytes | None) -> bytes:
    return hashlib.sha256((subject or "").encode() + b"\0" + (value or b"")).digest()
