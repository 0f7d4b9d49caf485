"""Request and response bodies of webhook endpoints, secrets and deliveries."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from gateway.http.fields import Id, Moment

Url = Annotated[str, Meta(min_length=8, max_length=2048, examples=["https://example.com/hooks/sharpstream"])]
Types = Annotated[
    list[Annotated[str, Meta(max_length=100)]],
    Meta(min_length=1, max_length=50, examples=[["generation.completed.v1", "generation.failed.v1"]]),
]
Description = Annotated[str, Meta(max_length=500, examples=["notifies the shop"])]
Secret = Annotated[str, Meta(examples=["whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD" + "l0Zyxbe+9FY="])]
State: TypeAlias = Literal["active", "disabled"]
DeliveryState: TypeAlias = Literal["pending", "delivered", "failed", "cancelled"]


class WebhookIn(Struct, frozen=True, kw_only=True):
    """A new endpoint. ``events`` are event types, or ``*`` for all, including future ones."""

    url: Url
    events: Types
    description: Description = ""


class WebhookPatchIn(Struct, frozen=True, kw_only=True):
    """The fields to change; omitted ones stay. ``active`` enables a disabled endpoint."""

    url: Url | UnsetType = UNSET
    events: Types | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    status: State | UnsetType = UNSET


class WebhookOut(Struct, frozen=True, kw_only=True):
    """An endpoint. ``failing_since``: no attempt has succeeded since then.

    ``disabled_reason``: ``gone`` (it answered 410), ``failing`` (all attempts failed for days) or ``owner``.
    """

    id: Id
    url: Url
    events: list[str]
    description: Description
    status: State
    disabled_reason: Literal["gone", "failing", "owner"] | None
    disabled_at: Moment | None
    failing_since: Moment | None
    previous_secret_valid_until: Moment | None
    created_at: Moment
    updated_at: Moment


class WebhookCreatedOut(WebhookOut, frozen=True, kw_only=True):
    """An endpoint with its secret, which is not shown again; rotate it to get a new one."""

    secret: Secret


class SecretOut(Struct, frozen=True, kw_only=True):
    """The signing secret. The previous one also signs until ``previous_valid_until``."""

    secret: Secret
    previous_valid_until: Moment | None


class DeliveryOut(Struct, frozen=True, kw_only=True):
    """The delivery of one event to one endpoint. The response is the last attempt's, its body cut at 1 kB.

    ``due_at``: the time of the next attempt while the delivery is pending.
    """

    id: Id
    webhook_id: Id | None
    url: str
    event_id: Id
    event_type: str
    subject: Id
    origin: Literal["event", "replay", "redelivery", "test"]
    status: DeliveryState
    attempts: int
    created_at: Moment
    due_at: Moment | None
    attempted_at: Moment | None
    duration_ms: float | None
    response_status: int | None
    response_body: str | None
    error: str | None


class DeliveryPage(Struct, frozen=True, kw_only=True):
    """Deliveries, newest first; ``next_cursor`` is null on the last page."""

    items: list[DeliveryOut]
    next_cursor: str | None


class ReplayOut(Struct, frozen=True, kw_only=True):
    """The number of events that will be sent again. If ``next_after`` is set there are more from there."""

    queued: Annotated[int, Meta(examples=[128])]
    next_after: str | None
