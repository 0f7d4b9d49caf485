"""Accepts a photo: look at it, store it, then one statement; 202 is said only after all three.

Whatever fails after the photo was stored takes it back, as far as that is possible; a sweep finds the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog

from bus.contract.blob_ref import BlobRef
from bus.contract.ids import new_id
from bus.contract.limits import MAX_METADATA_BYTES
from bus.contract.messages import GenerateScene, Priority
from bus.runtime.errors import SharpstreamError
from gateway.accounts.principal import Principal
from gateway.errors import DomainError
from gateway.scenes import accept_generation, photo_check, photo_source
from gateway.scenes import display_name as names
from gateway.scenes.accept_dependencies import Intake, Means
from gateway.scenes.accept_generation import Order
from gateway.scenes.idempotency import Claim, fingerprint
from gateway.scenes.photo_check import PhotoFacts
from gateway.scenes.photo_source import Fetched
from gateway.trace import Trace

_log = structlog.stdlib.get_logger(__name__)
MAX_METADATA_DEPTH: Final = 32
_FOCAL_LIMITS: Final = {"focal_length_px": (1.0, 1_000_000.0), "focal_length_mm": (1.0, 5_000.0)}
"""Pixels of the upright photo; millimetres in terms of 35 mm film."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """A request to generate; exactly one of ``photo``, ``image_url``, ``upload_id``. ``texts``: the rest.

    ``name``: what the sent file is called.
    """

    texts: dict[str, str]
    photo: bytes | None = None
    image_url: str | None = None
    upload_id: UUID | None = None
    webhook_url: str | None = None
    idempotency_key: str | None = None
    name: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """The text fields of the form, read and judged."""

    metadata: dict[str, Any]
    priority: Priority
    focal_length_px: float | None
    focal_length_mm: float | None


def read_wishes(texts: dict[str, str]) -> Wishes:
    """Judge the text fields. Raises `DomainError` with the field's own code."""
    return Wishes(
        metadata=_metadata(texts.get("metadata", "")),
        priority=_priority(texts.get("priority", "")),
        focal_length_px=_focal_length(texts, "focal_length_px"),
        focal_length_mm=_focal_length(texts, "focal_length_mm"),
    )


def as_texts(
    *,
    metadata: dict[str, Any] | None,
    focal_length_px: float | None,
    focal_length_mm: float | None,
    priority: Priority,
) -> dict[str, str]:
    """Return a JSON request the way the form carries it. Raises `DomainError` metadata_too_large."""
    found: dict[str, Any] = {
        "metadata": metadata and msgspec.json.encode(metadata).decode(),
        "focal_length_px": focal_length_px,
        "focal_length_mm": focal_length_mm,
        "priority": priority.value,
    }
    texts = {name: str(value) for name, value in found.items() if value is not None}
    if len(texts.get("metadata", "").encode()) > MAX_METADATA_BYTES:
        raise DomainError(
            "metadata_too_large",
            f"The metadata has more than {MAX_METADATA_BYTES} bytes.",
            limit=MAX_METADATA_BYTES,
        )
    return texts


async def accept(intake: Intake, caller: Principal, ask: Ask, trace: Trace) -> UUID:
    """Take the photo in and return the generation's id; a repeated request gets the first one's."""
    wishes = read_wishes(ask.texts)
    if ask.webhook_url is not None:
        intake.receivers.check(ask.webhook_url)
    print_ = await _fingerprint(ask) if ask.idempotency_key else b""
    claiming = intake.idempotency.claimed(caller.account_id, ask.idempotency_key, print_)
    async with claiming as claim:
        if claim is not None and claim.done is not None:
            return claim.done
        fetched = await fetch(intake, caller.account_id, ask)
        return await _make(intake, caller, ask, wishes, fetched, claim, trace)


async def _make(  # noqa: PLR0917
    intake: Intake,
    caller: Principal,
    ask: Ask,
    wishes: Wishes,
    fetched: Fetched,
    claim: Claim | None,
    trace: Trace,
) -> UUID:
    async with prepared(intake, caller, ask, wishes, fetched, claim) as order:
        lane = await accept_generation.accept(intake.pool, order, trace)
    intake.metrics.accepted.labels(lane.value).inc()
    intake.metrics.photo_bytes.inc(order.command.source.bytes)
    return order.command.generation_id


@asynccontextmanager
async def prepared(  # noqa: PLR0917
    means: Means, caller: Principal, ask: Ask, wishes: Wishes, fetched: Fetched, claim: Claim | None = None
) -> AsyncIterator[Order]:
    """Look at the photo and store it; what the body raises takes the photo back."""
    order = await prepare(means, caller, ask, wishes, fetched, claim)
    try:
        yield order
    except BaseException:
        await asyncio.shield(take_back(means, order.command.source.key))
        raise


async def prepare(  # noqa: PLR0917
    means: Means, caller: Principal, ask: Ask, wishes: Wishes, fetched: Fetched, claim: Claim | None = None
) -> Order:
    """Return what may be accepted, its photo stored: `take_back` that, or accept it."""
    loop = asyncio.get_running_loop()
    facts = await loop.run_in_executor(means.decoders, photo_check.inspect, fetched.photo)
    quota = await means.quotas.of(caller.account_id, caller.role)
    generation_id = new_id()
    key = f"originals/{generation_id}/{secrets.token_hex(16)}"
    try:
        ref = await _store_and_verify(means, key, fetched, facts)
    except BaseException:
        await asyncio.shield(take_back(means, key))
        raise
    command = GenerateScene(
        generation_id=generation_id,
        account_id=caller.account_id,
        source=ref,
        requested_at=datetime.now(UTC),
        priority=wishes.priority,
        focal_length_px=wishes.focal_length_px,
        focal_length_mm=wishes.focal_length_mm,
    )
    return Order(
        command=command,
        url=ref.url(means.bucket),
        metadata=_row_metadata(
            wishes, facts, ref, names.named(wishes.metadata, ask.name or names.of_url(ask.image_url))
        ),
        max_in_flight=quota.max_in_flight,
        interactive_at_once=quota.interactive_at_once,
        api_key_id=caller.api_key_id,
        webhook_url=ask.webhook_url,
        upload_id=ask.upload_id,
        claim=claim,
    )


async def fetch(means: Means, account_id: UUID, ask: Ask) -> Fetched:
    """Return the photo, wherever it is. Raises `DomainError`."""
    if ask.photo is not None:
        return Fetched(photo=ask.photo)
    if ask.upload_id is not None:
        return await photo_source.from_upload(means, account_id, ask.upload_id)
    return await photo_source.from_url(means, str(ask.image_url))


async def _fingerprint(ask: Ask) -> bytes:
    photo = await asyncio.to_thread(hashlib.sha256, ask.photo or b"")
    return fingerprint(
        photo.hexdigest(), ask.image_url, ask.upload_id, sorted(ask.texts.items()), ask.webhook_url
    )


async def _store_and_verify(means: Means, key: str, fetched: Fetched, facts: PhotoFacts) -> BlobRef:
    """Store the photo while a thread reads it to its end: the slower of the two counts, not the sum."""
    photo = fetched.photo
    verified = asyncio.get_running_loop().run_in_executor(means.decoders, photo_check.verify, photo)
    stored = asyncio.ensure_future(_store(means, key, fetched, facts))
    try:
        await verified
    except BaseException:
        stored.cancel()
        with suppress(asyncio.CancelledError, SharpstreamError):
            await stored
        raise
    return await stored


async def _store(means: Means, key: str, fetched: Fetched, facts: PhotoFacts) -> BlobRef:
    if fetched.stored is None:
        return await means.blobs.put(key, fetched.photo, facts.media_type)
    # It lies in the store already: only a copy, out of reach of the upload's URL, and of these very bytes.
    place, version = fetched.stored
    await means.blobs.copy(place, key, version=version)
    digest = (await asyncio.to_thread(hashlib.sha256, fetched.photo)).hexdigest()
    return BlobRef(key=key, sha256=digest, bytes=len(fetched.photo), media_type=facts.media_type)


async def take_back(means: Means, key: str) -> None:
    """Remove a photo that led to nothing, as far as that is possible."""
    try:
        await means.blobs.delete(key)
    except SharpstreamError as error:
        _log.warning("orphaned_photo", key=key, error=str(error))


def _row_metadata(wishes: Wishes, facts: PhotoFacts, ref: BlobRef, name: str | None) -> dict[str, Any]:
    image = {
        "width": facts.width,
        "height": facts.height,
        "media_type": facts.media_type,
        "bytes": ref.bytes,
        "sha256": ref.sha256,
        "located": facts.located,
    }
    return {"client": wishes.metadata, "image": image} | ({"name": name} if name else {})


def _metadata(text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text) if text.strip() else None
    except (msgspec.DecodeError, RecursionError) as error:
        raise DomainError("metadata_invalid", f"The metadata is not JSON: {error}.") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise DomainError(
            "metadata_invalid", 'The metadata must be a JSON object such as {"room": "kitchen"}.'
        )
    if _too_deep(value):
        raise DomainError("metadata_invalid", f"The metadata nests deeper than {MAX_METADATA_DEPTH} levels.")
    if _has_nul(value):
        raise DomainError("metadata_invalid", "The metadata must not contain the character U+0000.")
    return value


def _too_deep(value: Any, room: int = MAX_METADATA_DEPTH) -> bool:
    """Whether it nests further than anybody reads."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return room == 0 or any(_too_deep(item, room - 1) for item in inner)


def _has_nul(value: Any) -> bool:
    """Postgres cannot hold U+0000 in jsonb."""
    match value:
        case str():
            return "\0" in value
        case dict():
            return any("\0" in key or _has_nul(item) for key, item in value.items())
        case list():
            return any(map(_has_nul, value))
        case _:
            return False


def _priority(text: str) -> Priority:
    try:
        return Priority(text or Priority.INTERACTIVE)
    except ValueError as error:
        names = " or ".join(f"'{item.value}'" for item in Priority)
        raise DomainError("priority_invalid", f"The priority must be {names}.") from error


def _focal_length(texts: dict[str, str], name: str) -> float | None:
    text = texts.get(name, "").strip()
    if not text:
        return None
    low, high = _FOCAL_LIMITS[name]
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise DomainError(
            "focal_length_invalid", f"{name} must be a number from {low:g} to {high:g}.", field=name
        )
    return value
