"""What goes in and out, field for field; the OpenAPI document is made from these."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta, Struct

Id = Annotated[UUID, Meta(examples=["0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47"])]
Email = Annotated[str, Meta(max_length=254, examples=["ada@example.com"])]
Name = Annotated[str, Meta(max_length=100, examples=["Ada"])]
Password = Annotated[str, Meta(max_length=1024, examples=["a short sentence"])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-01-31T12:00:00Z"])]
Status = Annotated[
    str, Meta(pattern="^(pending|processing|completed|failed|cancelled)$", examples=["completed"])
]


class RegisterIn(Struct, frozen=True, kw_only=True):
    """A new account. The password has 10 characters or more and at most 72 bytes."""

    email: Email
    password: Password
    first_name: Name = ""
    last_name: Name = ""


class RegisterOut(Struct, frozen=True, kw_only=True):
    """The account made."""

    id: Id
    email: Email
    first_name: Name


class LoginIn(Struct, frozen=True, kw_only=True):
    """Who signs in."""

    email: Email
    password: Password


class LoginOut(Struct, frozen=True, kw_only=True):
    """A short-lived access token; ``expires_in`` in seconds."""

    access_token: str
    token_type: str
    expires_in: Annotated[int, Meta(examples=[900])]


class MeOut(Struct, frozen=True, kw_only=True):
    """The signed-in person."""

    id: Id
    email: Email
    first_name: Name
    last_name: Name
    role: Annotated[str, Meta(examples=["user"])]


class ApiKeyIn(Struct, frozen=True, kw_only=True):
    """A new key; ``expires_at`` null means never."""

    name: Annotated[str, Meta(min_length=1, max_length=100, examples=["render farm"])]
    expires_at: Moment | None = None


class ApiKeyCreatedOut(Struct, frozen=True, kw_only=True):
    """The key itself is shown this once and cannot be had again."""

    id: Id
    key: Annotated[str, Meta(examples=["ss_k3v9x2ab_0l3Q0dZ3nB7y5Xv1kq8mRw2sTf4uHj6pCe9gLa0iDo4"])]
    name: str
    expires_at: Moment | None


class ApiKeyOut(Struct, frozen=True, kw_only=True):
    """A key as its owner sees it later."""

    id: Id
    name: str
    status: Annotated[str, Meta(examples=["active"])]
    created_at: Moment
    expires_at: Moment | None


class GenerateOut(Struct, frozen=True, kw_only=True):
    """The photo was accepted; the Location header tells where to look."""

    generation_id: Id
    status: Status
    message: str


class SceneOut(Struct, frozen=True, kw_only=True):
    """A generation. The URLs are presigned: good for an hour, no credentials needed."""

    id: Id
    status: Status
    priority: Annotated[str, Meta(examples=["interactive"])]
    original_image_url: str
    generated_3d_gaussian_url: str | None
    processing_time_seconds: float | None
    metadata: dict[str, Any]
    error_message: str | None
    cancel_requested_at: Moment | None
    created_at: Moment
    updated_at: Moment


class SceneItem(Struct, frozen=True, kw_only=True):
    """A generation in a list; fetch it by id for its URLs."""

    id: Id
    status: Status
    priority: str
    processing_time_seconds: float | None
    metadata: dict[str, Any]
    error_message: str | None
    created_at: Moment
    updated_at: Moment


class ScenePage(Struct, frozen=True, kw_only=True):
    """Newest first; pass ``next_cursor`` as ``cursor`` for more, null is the end."""

    items: list[SceneItem]
    next_cursor: str | None


class UsageTotal(Struct, frozen=True, kw_only=True):
    """How often something happened on a day (UTC)."""

    day: date
    event_type: Annotated[str, Meta(examples=["scene_generate"])]
    count: int


class UsageOut(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """Totals by day and kind, from ``from`` (inclusive) to ``to`` (exclusive)."""

    from_: Moment
    to: Moment
    totals: list[UsageTotal]


class ModelOut(Struct, frozen=True, kw_only=True):
    """A model. ``running`` tells whether it is the one that turns photos into splats here."""

    name: Annotated[str, Meta(examples=["card"])]
    version: Annotated[str, Meta(examples=["1"])]
    description: str
    licence: str
    parameters: Annotated[int, Meta(description="Trained numbers", examples=[702_305_169])]
    weights_bytes: Annotated[int, Meta(description="Size of the checkpoint", examples=[2_809_220_676])]
    gaussians: Annotated[int, Meta(description="At most so many a photo", examples=[1_179_648])]
    running: bool
