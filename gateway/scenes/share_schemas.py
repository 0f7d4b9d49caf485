"""The JSON of shares."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct, field

from gateway.http.fields import Id, Moment
from gateway.scenes.schemas import Name, PreviewUrl, StartView, ViewerUrl

_TOKEN = "l3Q0dZ3nB7y5Xv1kq8mRw2sTf4uHj6pCe9gLa0iDo4E"  # noqa: S105  (an example)


_ORIGIN: Final = r"^(\*|https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?)$"
EmbedHtml = Annotated[str, Meta(description="An <iframe> that shows the scene in another page")]
Opened = Annotated[int, Meta(description="How often it was opened, some a minute late")]
ShowPhoto = Annotated[bool, Meta(description="Whether the photo is shown beside the scene")]
AllowDownload = Annotated[bool, Meta(description="Whether the splat may be downloaded as .ply")]
Origins = Annotated[
    list[Annotated[str, Meta(pattern=_ORIGIN, examples=["https://shop.example.com"])]],
    Meta(
        max_length=20,
        description="Origins of the pages that may embed the scene; `*` is any page, none is nowhere",
    ),
]


class ShareIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the link is valid (a week by default, a year at most), and what it shows."""

    expires_in_hours: Annotated[int, Meta(ge=1, le=8760, examples=[168])] = 168
    show_photo: ShowPhoto = True
    allow_download: AllowDownload = False
    embed_origins: Origins = field(default_factory=lambda: ["*"])


class ShareCreatedOut(Struct, frozen=True, kw_only=True):
    """A new share with its link. The token is not stored; it is derived from a secret of the service."""

    id: Id
    scene_generation_id: Id
    token: Annotated[str, Meta(examples=[_TOKEN])]
    url: Annotated[str, Meta(examples=[f"https://splats.example.com/s/{_TOKEN}"])]
    embed_html: EmbedHtml
    created_at: Moment
    expires_at: Moment
    show_photo: ShowPhoto
    allow_download: AllowDownload
    embed_origins: Origins
    opened: Opened


class ShareOut(Struct, frozen=True, kw_only=True):
    """A live share as its owner sees it; ``url`` is null for one that another API key has made."""

    id: Id
    scene_generation_id: Id
    url: Annotated[str | None, Meta(examples=[f"https://splats.example.com/s/{_TOKEN}"])]
    embed_html: EmbedHtml | None
    created_at: Moment
    expires_at: Moment
    show_photo: ShowPhoto
    allow_download: AllowDownload
    embed_origins: Origins
    opened: Opened


class ShareList(Struct, frozen=True, kw_only=True):
    """The live shares of a scene, newest first."""

    items: list[ShareOut]


class SharedOut(Struct, frozen=True, kw_only=True):
    """A scene as the holder of the link sees it; ``created_at`` is when the scene was requested.

    The URLs are presigned: valid for an hour, no credentials needed.
    """

    name: Name
    created_at: Moment
    expires_at: Moment
    viewer_url: ViewerUrl
    preview_url: PreviewUrl
    photo_url: Annotated[
        str | None, Meta(description="As in a scene; null where the share does not show the photo")
    ]
    download_url: Annotated[
        str | None, Meta(description="The splat as .ply, where the share allows it, for an hour")
    ]
    gaussian_count: int | None
    width: Annotated[int | None, Meta(description="Pixels of the upright photo")]
    height: int | None
    focal_length_px: float | None
    focal_source: Annotated[str | None, Meta(description="As in a scene's metadata; `default` is a guess")]
    scale_uncertainty: Annotated[
        float | None, Meta(description="As in a scene's metadata; null where the model does not say")
    ]
    start_view: StartView | None
