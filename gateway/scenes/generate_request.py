"""A request to generate, typed and validated, from a form, from JSON or from a partner's command.

A form's texts are parsed into it. Must not use Postgres, the store or the network: `gateway.scenes.prepare`
fetches a photo that comes from a URL or an upload.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import msgspec

from bus.contract.limits import MAX_METADATA_BYTES
from bus.contract.messages import Priority
from bus.contract.retention import MOST_HOURS
from gateway.errors import DomainError
from gateway.scenes import idempotency
from gateway.scenes.schemas import GenerateIn

MAX_METADATA_DEPTH: Final = 32
_object: Final = msgspec.json.Decoder(dict[str, Any] | None)
_FOCAL_LIMITS: Final = {"focal_length_px": (1.0, 1_000_000.0), "focal_length_mm": (1.0, 5_000.0)}
"""Pixels of the upright photo; millimetres as 35 mm film equivalent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Original:
    """The stored photo of a scene of the same account, which is to be processed again."""

    scene_id: UUID
    key: str
    bytes: int


Source: TypeAlias = bytes | str | UUID | Original
"""The photo itself, the URL to fetch it from, the id of an upload, or the photo of another scene."""
Metadata: TypeAlias = dict[str, Any] | None
"""The caller's own JSON object; None where none was sent, or null."""


@dataclass(kw_only=True, slots=True)
class UploadForm:
    """The parts of the form; ``texts`` has known fields only, ``filename`` is the photo's as sent."""

    photo: bytes
    filename: str | None = None
    texts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateRequest:
    """A request whose fields are valid; its photo and its URLs have not been checked yet.

    Focal lengths in pixels of the upright photo and in mm (35 mm film equivalent). ``file_name``: the name of
    the photo as sent. ``form_texts``: the fields of a form as sent, for `fingerprint` only.
    ``metadata_text``: the metadata as sent, byte for byte; None where there are none. ``name``, ``tags`` and
    ``delete_at`` come from the scene whose photo is processed again, by the ``model`` of that name.
    """

    source: Source
    metadata: Metadata = None
    priority: Priority = Priority.INTERACTIVE
    focal_length_px: float | None = None
    focal_length_mm: float | None = None
    webhook_url: str | None = None
    idempotency_key: str | None = None
    file_name: str | None = None
    form_texts: Mapping[str, str] | None = None
    metadata_text: str | None = None
    delete_after_hours: int | None = None
    model: str | None = None
    name: str | None = None
    tags: tuple[str, ...] = ()
    delete_at: datetime | None = None

    @property
    def retry_of(self) -> UUID | None:
        """The scene whose photo is processed again."""
        return self.source.scene_id if isinstance(self.source, Original) else None

    @classmethod
    def from_form(cls, form: UploadForm, *, idempotency_key: str | None = None) -> GenerateRequest:
        """Parse a form whose reader has limited the bytes of each field.

        Raises `DomainError`: metadata_invalid, priority_invalid, focal_length_invalid,
        delete_after_hours_invalid.
        """
        texts = dict(form.texts)
        metadata = _checked_metadata(_parsed_metadata(texts.get("metadata", "")))
        webhook_url = texts.pop("webhook_url", "").strip() or None
        return cls(
            source=form.photo,
            metadata=metadata,
            metadata_text=None if metadata is None else texts["metadata"],
            priority=_parsed_priority(texts.get("priority", "")),
            focal_length_px=_parsed_focal_length("focal_length_px", texts),
            focal_length_mm=_parsed_focal_length("focal_length_mm", texts),
            delete_after_hours=_parsed_hours(texts.get("delete_after_hours", "").strip()),
            webhook_url=webhook_url,
            idempotency_key=idempotency_key,
            file_name=form.filename,
            form_texts=texts,
        )

    @classmethod
    def from_json(cls, body: GenerateIn, *, idempotency_key: str | None = None) -> GenerateRequest:
        """Check a JSON body. Raises `DomainError` source_invalid, or as `from_fields`."""
        sources = [source for source in (body.image_url, body.upload_id) if source is not None]
        if len(sources) != 1:
            raise DomainError("source_invalid", "Give either image_url or upload_id, or send a form.")
        return cls.from_fields(
            source=sources[0],
            metadata=body.metadata,
            priority=body.priority,
            focal_length_px=body.focal_length_px,
            focal_length_mm=body.focal_length_mm,
            webhook_url=body.webhook_url,
            idempotency_key=idempotency_key,
            delete_after_hours=body.delete_after_hours,
        )

    @classmethod
    def from_fields(
        cls,
        *,
        source: Source,
        metadata: bytes | memoryview | msgspec.Raw | None,
        priority: Priority,
        focal_length_px: float | None,
        focal_length_mm: float | None,
        webhook_url: str | None,
        idempotency_key: str | None = None,
        delete_after_hours: int | None = None,
    ) -> GenerateRequest:
        """Validate fields that have their types already; ``metadata`` is JSON text.

        Raises `DomainError`: metadata_too_large, metadata_invalid, focal_length_invalid,
        delete_after_hours_invalid.
        """
        text, parsed = _typed_metadata(metadata)
        return cls(
            source=source,
            metadata=_checked_metadata(parsed),
            metadata_text=text,
            priority=priority,
            focal_length_px=_checked_focal_length("focal_length_px", focal_length_px),
            focal_length_mm=_checked_focal_length("focal_length_mm", focal_length_mm),
            webhook_url=webhook_url,
            idempotency_key=idempotency_key,
            delete_after_hours=_checked_hours(delete_after_hours),
        )

    async def fingerprint(self) -> bytes:
        """Return the digest that shows whether a repeated Idempotency-Key comes with the same request.

        It is stored for a day, across upgrades, so its inputs must not change: the photo's sha256, the two
        references, the fields as texts by name, and the webhook's URL. A form's texts are hashed as sent;
        typed fields are hashed in the form's notation.
        """
        photo, image_url, upload_id = b"", None, None
        match self.source:
            case bytes():
                photo = self.source
            case UUID():
                upload_id = self.source
            case Original():
                image_url = f"retry:{self.source.scene_id}"  # no address that could be fetched begins so
            case _:
                image_url = self.source
        digest = await asyncio.to_thread(hashlib.sha256, photo)
        texts = self._typed_texts() if self.form_texts is None else self.form_texts
        return idempotency.fingerprint(
            digest.hexdigest(), image_url, upload_id, sorted(texts.items()), self.webhook_url
        )

    def _typed_texts(self) -> dict[str, str]:
        texts = {
            "metadata": None if self.metadata is None else msgspec.json.encode(self.metadata).decode(),
            "focal_length_px": self.focal_length_px,
            "focal_length_mm": self.focal_length_mm,
            "priority": self.priority.value,
            "delete_after_hours": self.delete_after_hours,
            "model": self.model,
        }
        return {name: str(value) for name, value in texts.items() if value is not None}


def focal_length(name: str, value: float | None) -> float | None:
    """Return a focal length within its limits. Raises `DomainError` focal_length_invalid."""
    return _checked_focal_length(name, value)


def _parsed_metadata(text: str) -> Metadata:
    try:
        value = msgspec.json.decode(text) if text.strip() else None
    except (msgspec.DecodeError, RecursionError) as error:
        raise DomainError("metadata_invalid", f"The metadata is not JSON: {error}.") from error
    if value is not None and not isinstance(value, dict):
        raise DomainError(
            "metadata_invalid", 'The metadata must be a JSON object such as {"room": "kitchen"}.'
        )
    return value


def _typed_metadata(raw: bytes | memoryview | msgspec.Raw | None) -> tuple[str | None, Metadata]:
    """Return the text and the value of metadata within a JSON body; what is kept counts, not its value."""
    if raw is None:
        return None, None
    content = bytes(raw)
    if len(content) > MAX_METADATA_BYTES:
        raise DomainError(
            "metadata_too_large",
            f"The metadata has more than {MAX_METADATA_BYTES} bytes.",
            limit=MAX_METADATA_BYTES,
        )
    try:
        value = _object.decode(content)
    except msgspec.ValidationError as error:
        raise DomainError("validation_failed", f"The field 'metadata' is not valid: {error}.") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise DomainError("malformed", "The body is not valid JSON.") from error
    return (None if value is None else content.decode()), value


def _checked_metadata(metadata: Metadata) -> Metadata:
    if _too_deep(metadata):
        raise DomainError("metadata_invalid", f"The metadata nests deeper than {MAX_METADATA_DEPTH} levels.")
    if _has_nul(metadata):
        raise DomainError("metadata_invalid", "The metadata must not contain the character U+0000.")
    return metadata


def _too_deep(value: Any, levels: int = MAX_METADATA_DEPTH) -> bool:
    """Return whether a JSON value nests objects and arrays more than ``levels`` deep."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_too_deep(item, levels - 1) for item in inner)


def _has_nul(value: Any) -> bool:
    """Return whether U+0000 occurs, which Postgres cannot store in jsonb."""
    match value:
        case str():
            return "\0" in value
        case dict():
            return any("\0" in key or _has_nul(item) for key, item in value.items())
        case list():
            return any(map(_has_nul, value))
        case _:
            return False


def _parsed_priority(text: str) -> Priority:
    try:
        return Priority(text or Priority.INTERACTIVE)
    except ValueError as error:
        names = " or ".join(f"'{item.value}'" for item in Priority)
        raise DomainError("priority_invalid", f"The priority must be {names}.") from error


def _parsed_focal_length(name: str, texts: Mapping[str, str]) -> float | None:
    text = texts.get(name, "").strip()
    try:
        value = float(text) if text else None
    except ValueError:
        value = math.nan  # outside every range
    return _checked_focal_length(name, value)


def _checked_focal_length(name: str, value: float | None) -> float | None:
    low, high = _FOCAL_LIMITS[name]
    if value is not None and not low <= value <= high:
        raise DomainError(
            "focal_length_invalid", f"{name} must be a number from {low:g} to {high:g}.", field=name
        )
    return value


def _parsed_hours(text: str) -> int | None:
    if not text:
        return None
    return _checked_hours(int(text) if text.isascii() and text.isdigit() else 0)


def _checked_hours(hours: int | None) -> int | None:
    if hours is not None and not 1 <= hours <= MOST_HOURS:
        raise DomainError(
            "delete_after_hours_invalid",
            f"delete_after_hours must be a whole number of hours from 1 to {MOST_HOURS}.",
            field="delete_after_hours",
        )
    return hours
