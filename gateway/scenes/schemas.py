"""The JSON of scenes and uploads."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from msgspec import UNSET, Meta, Raw, Struct, UnsetType, defstruct
from msgspec.structs import fields

from bus.contract.messages import Priority
from gateway.http.fields import Id, Moment, Status

ErrorCode = Annotated[str | None, Meta(description="Stable, for programs", examples=["image_broken"])]


Url = Annotated[str, Meta(max_length=2048)]
Name = Annotated[
    str | None,
    Meta(description="`name` of the metadata sent with it, else of the file", examples=["kitchen.jpg"]),
]


PhotoUrl = Annotated[
    str | None,
    Meta(
        description=(
            "The photo for people's eyes: upright, sRGB, JPEG, at most 1600 pixels a side, without metadata;"
            " null until it is made, and where the photo cannot be read"
        )
    ),
]

ThumbnailUrl = Annotated[
    str | None,
    Meta(
        description=(
            "The photo in small, for lists: as `photo_url`, at most 480 pixels a side; null until it is made,"
            " where the photo cannot be read, and of scenes of earlier releases"
        )
    ),
]

PreviewUrl = Annotated[
    str | None, Meta(description="A picture of it, PNG; made when the scene is opened, null until then")
]
ViewerUrl = Annotated[
    str | None, Meta(description="The splat for web viewers, SPZ; made when the scene is opened")
]
SceneMetadata = Annotated[
    dict[str, Any],
    Meta(
        description=(
            "`client`: what was sent with the photo, unchanged. `image`: the photo, with a `warning` where no"
            " ordinary lens took it (`projection`). Once completed: `result`: the splat;"
            " `model`: which model and network made it; `timings`: milliseconds; `focal_source`: where the"
            " focal length comes from (`request`, `exif`, `network`, or `default`, a guess);"
            " `scale_uncertainty`: standard deviation of the natural logarithm of the metric scale, absent"
            " where the model does not say. Once the preview is made: `scores`: how true the scene is, its"
            " own view compared with the photo at `size` pixels: `psnr` in dB, `ssim`, 1 for equal pictures,"
            " and `lpips` and `dists` where the operator has set them up; absent where the photo could not be"
            " compared. After a failure: `error`."
        )
    ),
]


Tag = Annotated[str, Meta(min_length=1, max_length=40, examples=["kitchen"])]
Tags = Annotated[
    list[Tag],
    Meta(
        max_length=20,
        description="Its owner's words for it, in lower case, to find it by",
        examples=[["kitchen"]],
    ),
]
Favourite = Annotated[bool, Meta(description="Whether its owner marked it as a favourite")]
RetryOf = Annotated[
    Id | None, Meta(description="The scene whose photo was processed again for this one; it may be gone")
]


class GenerateIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A photo that is not in the request: give either ``image_url`` or ``upload_id``.

    ``metadata`` is a JSON object or null, kept as it was sent.
    """

    image_url: Url | None = None
    upload_id: Id | None = None
    metadata: Raw = Raw(b"null")
    focal_length_px: float | None = None
    focal_length_mm: float | None = None
    priority: Priority = Priority.INTERACTIVE
    webhook_url: Url | None = None
    delete_after_hours: int | None = None


UploadedType = Literal[
    "image/jpeg", "image/png", "image/webp", "image/heif", "image/heic", "image/avif", "image/tiff"
]
"""The accepted formats, HEIF by both of its names; the bytes decide which of them it is."""


class UploadIn(Struct, frozen=True, kw_only=True):
    """The photo that will be uploaded: its exact size and type."""

    bytes: Annotated[int, Meta(ge=1, examples=[196_000])]
    media_type: Annotated[UploadedType, Meta(examples=["image/jpeg"])]


class UploadOut(Struct, frozen=True, kw_only=True):
    """The URL for the PUT, and the headers to send with it, unchanged."""

    upload_id: Id
    url: str
    method: str
    headers: dict[str, str]
    expires_at: Moment


class GenerateOut(Struct, frozen=True, kw_only=True):
    """The photo was accepted; the Location header has the scene's URL."""

    generation_id: Id
    status: Status
    message: str


Ms = Annotated[float | None, Meta(description="Milliseconds", examples=[12.5])]


class TimingsOut(Struct, frozen=True, kw_only=True):
    """The time spent in each stage, in milliseconds from acceptance to the end; null: not reached.

    ``queued_ms`` until a worker took it, ``fetch_ms`` to fetch the photo, ``decode_ms`` to decode it and
    turn it upright, ``batch_wait_ms`` to wait for the network and for a batch, ``inference_ms`` of its batch
    on the accelerator, ``encode_ms`` to write the Gaussians as a file, ``upload_ms`` to store the file.
    ``other_ms`` is the rest of ``total_ms``: transport, retries, and clocks that differ.
    """

    queued_ms: Ms = None
    fetch_ms: Ms = None
    decode_ms: Ms = None
    batch_wait_ms: Ms = None
    inference_ms: Ms = None
    encode_ms: Ms = None
    upload_ms: Ms = None
    other_ms: Ms
    total_ms: Ms


class QueueOut(Struct, frozen=True, kw_only=True):
    """The remaining time of a pending scene, estimated from the queue and recent throughput; no promise."""

    position: Annotated[int, Meta(description="1 is next; at most so many", ge=1, examples=[3])]
    estimated_seconds: Annotated[
        float | None, Meta(description="Until it is completed; null: nothing was completed lately")
    ]


ErasedPart = Literal["original", "result", "views", "name", "client_metadata"]


class ErasedPartOut(Struct, frozen=True, kw_only=True):
    """A part of a scene that was erased because its time was over; the scene itself stays.

    ``original`` stands for the photo, its rendition and its thumbnail, ``views`` for the preview and the
    viewer's file.
    """

    part: ErasedPart
    erased_at: Moment
    reason: Literal["retention"] = "retention"


_Metres = Annotated[float, Meta(ge=-0.5, le=0.5, examples=[0.1])]
"""As far from the photo's camera as a scene holds together, in any direction."""


class StartView(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where a scene is seen at first: metres from where the photo was taken."""

    right_m: _Metres
    up_m: _Metres
    forward_m: _Metres


class SceneOut(Struct, frozen=True, kw_only=True):
    """A generation. The URLs are presigned: valid for an hour, no credentials needed."""

    id: Id
    status: Status
    priority: Annotated[str, Meta(examples=["interactive"])]
    name: Name
    original_image_url: Annotated[
        str | None, Meta(description="The file as it was sent, with its metadata; null once it was erased")
    ]
    photo_url: PhotoUrl
    thumbnail_url: ThumbnailUrl
    generated_3d_gaussian_url: str | None
    preview_url: Annotated[
        str | None, Meta(description="A picture of it, PNG; made when it is opened, null until then")
    ]
    viewer_url: Annotated[
        str | None,
        Meta(description="The splat for web viewers, SPZ; made when it is opened, null until then"),
    ]
    processing_time_seconds: float | None
    metadata: SceneMetadata
    error_code: ErrorCode
    error_message: str | None
    cancel_requested_at: Moment | None
    delete_at: Annotated[
        Moment | None, Meta(description="When it will be deleted, where its request said so")
    ]
    erased: Annotated[
        list[ErasedPartOut], Meta(description="What retention erased of it; that is null above")
    ]
    start_view: StartView | None
    timings: TimingsOut | None
    queue: QueueOut | None
    tags: Tags
    favourite: Favourite
    retry_of: RetryOf
    created_at: Moment
    updated_at: Moment


EndedOut: Final = defstruct(
    "EndedOut",
    [
        ("generation_id", Id),
        ("status", Status),
        ("message", str, UNSET),  # of the 202 alone
        # Optional, though the 200 has them all.
        *((each.name, each.type, UNSET) for each in fields(SceneOut) if each.name != "status"),
    ],
    frozen=True,
    kw_only=True,
    namespace={
        "__doc__": "A scene that ended while the answer was held; its id also as in the 202.\n\n"
        "Required is what the 202 has too: generated clients often know one type for all that succeeds.",
    },
)


class CancelOut(Struct, frozen=True, kw_only=True):
    """The cancellation was requested; the scene's status shows the outcome."""

    generation_id: Id
    status: Status
    message: str
    cancel_requested_at: Moment


class SceneItem(Struct, frozen=True, kw_only=True):
    """A generation in a list; fetch it by id for its other URLs."""

    id: Id
    status: Status
    priority: str
    name: Name
    photo_url: PhotoUrl
    thumbnail_url: ThumbnailUrl
    preview_url: Annotated[
        str | None, Meta(description="A picture of it, PNG; made when it is opened, null until then")
    ]
    processing_time_seconds: float | None
    metadata: SceneMetadata
    error_code: ErrorCode
    error_message: str | None
    tags: Tags
    favourite: Favourite
    retry_of: RetryOf
    created_at: Moment
    updated_at: Moment


class ScenePage(Struct, frozen=True, kw_only=True):
    """In the order asked for; pass ``next_cursor`` as ``cursor`` for the next page; null: the last one."""

    items: list[SceneItem]
    next_cursor: str | None


class SceneChangeIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields to change; omitted ones stay. An empty ``name`` removes it; ``tags`` replace all tags."""

    name: Annotated[str, Meta(max_length=120, examples=["The kitchen in May"])] | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    favourite: Favourite | UnsetType = UNSET


class RetryIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do otherwise this time; without a focal length, the photo's EXIF or the model decides."""

    focal_length_px: float | None = None
    focal_length_mm: float | None = None
    model: Annotated[str, Meta(max_length=60, examples=["layered"])] | None = None
    priority: Priority = Priority.INTERACTIVE


class TagOut(Struct, frozen=True, kw_only=True):
    """A tag, and how many scenes have it."""

    tag: Tag
    scenes: int


class TagList(Struct, frozen=True, kw_only=True):
    """The account's tags, the most used first, 200 at most."""

    items: list[TagOut]
