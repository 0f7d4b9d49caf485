"""Exports."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from bus.contract.format_catalogue import Kind
from bus.contract.formats import FORMATS
from gateway.http.fields import Id, Moment, Status

_SAFE = 2**53 - 1
_KINDS = f"^({'|'.join(Kind)})$"
Format = Annotated[
    str,
    Meta(
        max_length=40,
        description=f"In any case; one of: {', '.join(FORMATS)}.",
        examples=["GLTF"],
    ),
]
OptionName = Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,39}$")]
# Single words: options enter the event log, which must not hold personal data.
OptionValue = (
    bool
    | Annotated[int, Meta(ge=-_SAFE, le=_SAFE)]
    | float
    | Annotated[str, Meta(pattern="^[A-Za-z0-9_.:#+-]{1,40}$")]
)


class ExportIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The format to convert a scene into; ``options`` are the format's own."""

    format: Format
    options: Annotated[dict[OptionName, OptionValue], Meta(max_length=20, examples=[{}])] = {}


class ExportAcceptedOut(Struct, frozen=True, kw_only=True):
    """The export was accepted; the Location header has its URL."""

    export_id: Id
    status: Status
    message: str


class ExportOut(Struct, frozen=True, kw_only=True):
    """One conversion. The URL is presigned: valid for an hour, no credentials needed."""

    id: Id
    scene_generation_id: Id
    export_format: Annotated[str, Meta(examples=["gltf"])]
    options: dict[str, bool | int | float | str]
    export_file_url: str | None
    scene_name: Annotated[str | None, Meta(description="As in the scene", examples=["kitchen.jpg"])]
    bytes: Annotated[
        int | None, Meta(description="Size of the file; null until it is made", examples=[331526])
    ]
    status: Status
    error_code: Annotated[str | None, Meta(examples=["unsupported_format"])]
    error_message: str | None
    erased_at: Annotated[
        Moment | None,
        Meta(description="When retention erased its file; ask for it again to have it made anew"),
    ]
    created_at: Moment
    updated_at: Moment


class FormatOut(Struct, frozen=True, kw_only=True):
    """A format that a scene can be exported to."""

    name: Annotated[str, Meta(examples=["glb_mesh"])]
    kind: Annotated[str, Meta(pattern=_KINDS, examples=["mesh"])]
    media_type: Annotated[str, Meta(examples=["model/gltf-binary"])]
    extension: Annotated[str, Meta(examples=[".glb"])]
    title: str
    description: str
    options: Annotated[dict[str, Any], Meta(description="JSON Schema of what `options` may hold")]


class FormatList(Struct, frozen=True, kw_only=True):
    """All formats, the splats first."""

    items: list[FormatOut]


class ExportPage(Struct, frozen=True, kw_only=True):
    """Newest first; pass ``next_cursor`` as ``cursor`` for the next page; null means the last page."""

    items: list[ExportOut]
    next_cursor: str | None
