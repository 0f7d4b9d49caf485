"""What the service answers. Scenes: photos and their splats.

Made from the OpenAPI document by deploy/python_client.py; changes here are lost.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct, field

from sharpstream.client.models.states import HasParts, HasStatus


class SceneSummary(HasParts, frozen=True, kw_only=True):
    """A generation in a list; fetch it by id for its other URLs."""

    id: str
    priority: str = ""
    name: str | None = None
    photo_url: str | None = None
    thumbnail_url: str | None = None
    preview_url: str | None = None
    processing_time_seconds: float | None = None
    error_code: str | None = None
    error_message: str | None = None
    tags: list[str] = field(default_factory=list)
    favourite: bool = False
    retry_of: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ErasedPart(Struct, frozen=True, kw_only=True):
    """A part of a scene that was erased because its time was over; the scene itself stays.

    ``original`` stands for the photo, its rendition and its thumbnail, ``views`` for the preview and
    the viewer's file.
    """

    part: str = ""
    erased_at: datetime
    reason: str = ""


class StartView(Struct, frozen=True, kw_only=True):
    """From where a scene is seen at first: metres from where the photo was taken."""

    right_m: float = 0.0
    up_m: float = 0.0
    forward_m: float = 0.0


class Timings(Struct, frozen=True, kw_only=True):
    """The time spent in each stage, in milliseconds from acceptance to the end; null: not reached.

    ``queued_ms`` until a worker took it, ``fetch_ms`` to fetch the photo, ``decode_ms`` to decode it
    and turn it upright, ``batch_wait_ms`` to wait for the network and for a batch, ``inference_ms`` of
    its batch on the accelerator, ``encode_ms`` to write the Gaussians as a file, ``upload_ms`` to store
    the file. ``other_ms`` is the rest of ``total_ms``: transport, retries, and clocks that differ.
    """

    queued_ms: float | None = None
    fetch_ms: float | None = None
    decode_ms: float | None = None
    batch_wait_ms: float | None = None
    inference_ms: float | None = None
    encode_ms: float | None = None
    upload_ms: float | None = None
    other_ms: float | None = None
    total_ms: float | None = None


class Queue(Struct, frozen=True, kw_only=True):
    """The remaining time of a pending scene, estimated from the queue and recent throughput; no promise."""

    position: int = 0
    estimated_seconds: float | None = None


class Scene(SceneSummary, frozen=True, kw_only=True):
    """A generation. The URLs are presigned: valid for an hour, no credentials needed."""

    original_image_url: str | None = None
    generated_3d_gaussian_url: str | None = None
    viewer_url: str | None = None
    cancel_requested_at: datetime | None = None
    delete_at: datetime | None = None
    erased: list[ErasedPart] = field(default_factory=list)
    start_view: StartView | None = None
    timings: Timings | None = None
    queue: Queue | None = None


class ScenePage(Struct, frozen=True, kw_only=True):
    """In the order asked for; pass ``next_cursor`` as ``cursor`` for the next page; null: the last one."""

    items: list[SceneSummary] = field(default_factory=list)
    next_cursor: str | None = None


class CancelAccepted(Struct, frozen=True, kw_only=True):
    """The cancellation was requested; the scene's status shows the outcome."""

    generation_id: str
    status: str
    message: str = ""
    cancel_requested_at: datetime


class Tag(Struct, frozen=True, kw_only=True):
    """A tag, and how many scenes have it."""

    tag: str = ""
    scenes: int = 0


class TagList(Struct, frozen=True, kw_only=True):
    """The account's tags, the most used first, 200 at most."""

    items: list[Tag] = field(default_factory=list)


class Accepted(Struct, frozen=True, kw_only=True):
    """The photo was accepted; the Location header has the scene's URL."""

    generation_id: str
    status: str
    message: str = ""


class ExportAccepted(Struct, frozen=True, kw_only=True):
    """The export was accepted; the Location header has its URL."""

    export_id: str
    status: str
    message: str = ""


class Export(HasStatus, frozen=True, kw_only=True, rename={"size": "bytes"}):
    """One conversion. The URL is presigned: valid for an hour, no credentials needed."""

    id: str
    scene_generation_id: str
    export_format: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    export_file_url: str | None = None
    scene_name: str | None = None
    size: int | None = None
    error_code: str | None = None
    error_message: str | None = None
    erased_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ExportPage(Struct, frozen=True, kw_only=True):
    """Newest first; pass ``next_cursor`` as ``cursor`` for the next page; null means the last page."""

    items: list[Export] = field(default_factory=list)
    next_cursor: str | None = None


class BulkItem(Struct, frozen=True, kw_only=True):
    """What came of one scene: done, or an error with its stable code."""

    id: str
    done: bool = False
    export_id: str | None = None
    code: str | None = None
    message: str | None = None


class Bulk(Struct, frozen=True, kw_only=True):
    """The outcome of each scene, in the order of the request."""

    items: list[BulkItem] = field(default_factory=list)
    done: int = 0
    failed: int = 0


class Left(Struct, frozen=True, kw_only=True):
    """A scene that is not in the archive, and why."""

    id: str
    code: str
    message: str = ""


class Archive(Struct, frozen=True, kw_only=True, rename={"size": "bytes"}):
    """Where the archive can be downloaded once or again, without credentials, until it expires."""

    url: str
    name: str = ""
    files: int = 0
    size: int = 0
    left_out: list[Left] = field(default_factory=list)
    expires_at: datetime


class Upload(Struct, frozen=True, kw_only=True):
    """The URL for the PUT, and the headers to send with it, unchanged."""

    upload_id: str
    url: str
    method: str = ""
    headers: dict[str, Any] = field(default_factory=dict)
    expires_at: datetime


class Model(Struct, frozen=True, kw_only=True):
    """A model, with its network where it has several. ``running``: it turns photos into splats here."""

    name: str = ""
    version: str = ""
    description: str = ""
    licence: str = ""
    commercial_use: bool = False
    parameters: int = 0
    weights_bytes: int = 0
    gaussians: int = 0
    running: bool = False
