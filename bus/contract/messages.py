"""The messages: frozen structs, tagged ``noun.verb.vN``; commands imperative, events past tense.

Photos and splats are never sent, only references to their blobs. A released type must stay readable for old
readers: add a ``v2`` for any other change. Messages must not hold personal data, because ``sharp.events.v1``
is kept for ever. The tag is also the CloudEvents type.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypeAlias, assert_never
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType

from bus.contract.blob_ref import BlobRef


class Message(Struct, frozen=True, kw_only=True, tag_field="type"):
    """The base of every message. Unknown fields are ignored, so that fields can be added."""


class Priority(StrEnum):
    """The priority of a generation; interactive goes first."""

    INTERACTIVE = "interactive"
    BULK = "bulk"


class FocalSource(StrEnum):
    """Where a scene's focal length comes from; ``default`` is a guess."""

    REQUEST = "request"
    EXIF = "exif"
    NETWORK = "network"
    DEFAULT = "default"


class Timings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Milliseconds of each stage; absent where the stage was not reached."""

    queued_ms: float | None = None
    fetch_ms: float | None = None
    decode_ms: float | None = None
    batch_wait_ms: float | None = None
    inference_ms: float | None = None
    encode_ms: float | None = None
    upload_ms: float | None = None


class ModelRun(Struct, frozen=True, kw_only=True):
    """The model, precision, device and batch size that produced a result."""

    name: str
    version: str
    weights_sha256: str | None
    dtype: str
    device: str
    batch_size: int


class Scores(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How true a scene is: its own view compared with the photo, ``size`` pixels on the longer side.

    ``psnr`` in dB, at most 100; ``ssim`` of the luma; ``lpips``, ``dists`` where an operator gives networks.
    """

    size: int
    psnr: float
    ssim: float
    lpips: float | None = None
    dists: float | None = None


# --- commands ---------------------------------------------------------------------------------------


class GenerateScene(Message, frozen=True, kw_only=True, tag="generation.generate.v1"):
    """Turn the photo into Gaussians.

    ``focal_length_px`` is in pixels of the upright photo and wins over ``focal_length_mm`` (35 mm
    equivalent); with neither, EXIF, the model or 30 mm decides. ``model`` None means the consumer's default;
    ``layered`` means that model with whichever network the consumer has.
    """

    generation_id: UUID
    account_id: UUID
    source: BlobRef
    requested_at: datetime
    expires_at: datetime | None = None
    priority: Priority = Priority.INTERACTIVE
    model: str | None = None
    focal_length_px: float | None = None
    focal_length_mm: float | None = None


class CancelScene(Message, frozen=True, kw_only=True, tag="generation.cancel.v1"):
    """Request that a generation stop; the owner of its command writes how it ended."""

    generation_id: UUID
    account_id: UUID
    requested_at: datetime


class ExportScene(Message, frozen=True, kw_only=True, tag="export.make.v1"):
    """Convert a finished scene into another format.

    ``purpose`` None: a caller requested it. Otherwise it is the system's own, and its ending is published
    where no account, receiver or bill sees it. ``photo``: to compare with the scene's own view.
    """

    export_id: UUID
    generation_id: UUID
    account_id: UUID
    source: BlobRef
    format: str
    requested_at: datetime
    options: dict[str, str | int | float | bool] = {}
    purpose: str | None = None
    expires_at: datetime | None = None
    photo: BlobRef | None = None


# --- events: the log of record ----------------------------------------------------------------------


class GenerationRequested(Message, frozen=True, kw_only=True, tag="generation.requested.v1"):
    """A photo was accepted. ``api_key_id`` is None where a user was signed in."""

    generation_id: UUID
    account_id: UUID
    source: BlobRef
    priority: Priority = Priority.INTERACTIVE
    api_key_id: UUID | None = None
    retry_of: UUID | None = None


class GenerationCompleted(Message, frozen=True, kw_only=True, tag="generation.completed.v1"):
    """The splat and pictures of the photo are stored. Focal length in pixels of the upright photo.

    ``scale_uncertainty``: standard deviation of the metric scale's natural logarithm; absent if unknown.
    ``photo``, and ``thumbnail`` for lists: upright, sRGB, JPEG, without metadata; absent where not stored.
    """

    generation_id: UUID
    account_id: UUID
    result: BlobRef
    gaussian_count: int
    image_width: int
    image_height: int
    focal_length_px: float
    input_sha256: str
    model: ModelRun
    timings: Timings
    attempt: int = 1
    focal_source: FocalSource | UnsetType = UNSET
    scale_uncertainty: float | UnsetType = UNSET
    photo: BlobRef | UnsetType = UNSET
    thumbnail: BlobRef | UnsetType = UNSET


class GenerationFailed(Message, frozen=True, kw_only=True, tag="generation.failed.v1"):
    """The generation ended without a splat; ``code`` is stable, ``message`` is for people."""

    generation_id: UUID
    account_id: UUID
    code: str
    message: str
    timings: Timings | UnsetType = UNSET
    attempt: int = 1


class GenerationCancelled(Message, frozen=True, kw_only=True, tag="generation.cancelled.v1"):
    """The generation was stopped before it had a result; ``reason`` is ``requested`` or ``expired``."""

    generation_id: UUID
    account_id: UUID
    reason: str


class GenerationDeleted(Message, frozen=True, kw_only=True, tag="generation.deleted.v1"):
    """The account deleted a generation that had ended: photo, splat and exports are permanently removed."""

    generation_id: UUID
    account_id: UUID


class ExportRequested(Message, frozen=True, kw_only=True, tag="export.requested.v1"):
    """An export was accepted."""

    export_id: UUID
    generation_id: UUID
    account_id: UUID
    format: str
    api_key_id: UUID | None = None
    options: dict[str, str | int | float | bool] = {}


class ExportCompleted(Message, frozen=True, kw_only=True, tag="export.completed.v1"):
    """The converted file is stored. ``scores`` where the command named the photo and it could be read."""

    export_id: UUID
    generation_id: UUID
    account_id: UUID
    format: str
    result: BlobRef
    timings: Timings
    attempt: int = 1
    scores: Scores | UnsetType = UNSET


class ExportFailed(Message, frozen=True, kw_only=True, tag="export.failed.v1"):
    """The export ended without a file."""

    export_id: UUID
    generation_id: UUID
    account_id: UUID
    format: str
    code: str
    message: str
    attempt: int = 1


class ApiKeyCreated(Message, frozen=True, kw_only=True, tag="api_key.created.v1"):
    """An account created an API key."""

    api_key_id: UUID
    account_id: UUID


class ApiKeyRevoked(Message, frozen=True, kw_only=True, tag="api_key.revoked.v1"):
    """An API key was revoked."""

    api_key_id: UUID
    account_id: UUID


class WebhookDisabled(Message, frozen=True, kw_only=True, tag="webhook.disabled.v1"):
    """Deliveries to an endpoint stopped: it is ``gone`` (it answered 410) or was ``failing`` for days."""

    webhook_id: UUID
    account_id: UUID
    reason: str
    failing_since: datetime | None = None


class CommandRejected(Message, frozen=True, kw_only=True, tag="command.rejected.v1"):
    """A partner's command was rejected; ``code`` is stable, ``message`` is for people.

    ``partition`` and ``offset``: the position of the command in the partner's commands topic.
    """

    command_id: UUID
    account_id: UUID
    code: str
    message: str
    partition: int
    offset: int


# --- progress: short-lived --------------------------------------------------------------------------


class Stage(StrEnum):
    """The stages of a generation, in order."""

    FETCH = "fetch"
    DECODE = "decode"
    BATCH = "batch"
    INFERENCE = "inference"
    ENCODE = "encode"
    UPLOAD = "upload"


class GenerationStarted(Message, frozen=True, kw_only=True, tag="generation.started.v1"):
    """A worker took the job."""

    generation_id: UUID
    account_id: UUID
    worker: str
    attempt: int = 1


class GenerationProgress(Message, frozen=True, kw_only=True, tag="generation.progress.v1"):
    """A stage began; ``fraction`` is the share of the whole job that is done, 0 to 1."""

    generation_id: UUID
    account_id: UUID
    stage: Stage
    fraction: float


GenerationCommand: TypeAlias = GenerateScene
Cancellation: TypeAlias = CancelScene
ExportCommand: TypeAlias = ExportScene
ExportEnding: TypeAlias = ExportCompleted | ExportFailed
Event: TypeAlias = (
    GenerationRequested
    | GenerationCompleted
    | GenerationFailed
    | GenerationCancelled
    | GenerationDeleted
    | ExportRequested
    | ExportCompleted
    | ExportFailed
    | ApiKeyCreated
    | ApiKeyRevoked
    | WebhookDisabled
    | CommandRejected
)
Progress: TypeAlias = GenerationStarted | GenerationProgress
AnyMessage: TypeAlias = GenerateScene | CancelScene | ExportScene | Event | Progress

GENERATION_ENDINGS = (GenerationCompleted, GenerationFailed, GenerationCancelled)
"""Exactly one of these ends a generation."""
EXPORT_ENDINGS = (ExportCompleted, ExportFailed)
"""Exactly one of these ends an export."""


def type_of(message: AnyMessage) -> str:
    """Return the tag, which is the CloudEvents type."""
    return str(message.__struct_config__.tag)


def subject_of(message: AnyMessage) -> UUID:
    """Return the id of the message's subject; a message type that is missing here fails mypy."""
    match message:
        case (
            GenerateScene()
            | CancelScene()
            | GenerationRequested()
            | GenerationStarted()
            | GenerationProgress()
            | GenerationCompleted()
            | GenerationFailed()
            | GenerationCancelled()
            | GenerationDeleted()
        ):
            return message.generation_id
        case ExportScene() | ExportRequested() | ExportCompleted() | ExportFailed():
            return message.export_id
        case ApiKeyCreated() | ApiKeyRevoked():
            return message.api_key_id
        case WebhookDisabled():
            return message.webhook_id
        case CommandRejected():
            return message.command_id
        case _:
            assert_never(message)
