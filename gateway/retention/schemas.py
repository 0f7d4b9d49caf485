"""The JSON of retention."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from bus.contract.retention import MOST_HOURS, MOST_IDEMPOTENCY_HOURS
from gateway.http.fields import Id, Moment

Hours = Annotated[int, Meta(ge=1, le=MOST_HOURS, examples=[720])]
IdempotencyHours = Annotated[int, Meta(ge=1, le=MOST_IDEMPOTENCY_HOURS, examples=[24])]
Kind = Literal[
    "scenes",
    "originals",
    "results",
    "exports",
    "views",
    "names",
    "client_metadata",
    "webhooks",
    "idempotency",
]


class RetentionIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole policy: hours for which each kind is kept after its end; null, or left out, is for ever.

    Scenes: whole ones. Originals: photos as sent, their renditions and thumbnails. Results: splats. Exports:
    files that were asked for. Views: previews, viewers' files. Names: of scenes and files. Client metadata:
    what was sent with the photo. Webhooks: bodies and answers, from their making. Idempotency: the first
    answers to Idempotency-Keys, a day at most in any case.
    """

    scenes_hours: Hours | None = None
    originals_hours: Hours | None = None
    results_hours: Hours | None = None
    exports_hours: Hours | None = None
    views_hours: Hours | None = None
    names_hours: Hours | None = None
    client_metadata_hours: Hours | None = None
    webhooks_hours: Hours | None = None
    idempotency_hours: IdempotencyHours | None = None


class RetentionPolicyOut(Struct, frozen=True, kw_only=True):
    """Hours for which each kind is kept; null is for ever."""

    scenes_hours: int | None
    originals_hours: int | None
    results_hours: int | None
    exports_hours: int | None
    views_hours: int | None
    names_hours: int | None
    client_metadata_hours: int | None
    webhooks_hours: int | None
    idempotency_hours: int | None


class RetentionOut(Struct, frozen=True, kw_only=True):
    """The policy that holds for the account, and the one that the installation has for all others."""

    policy: RetentionPolicyOut
    is_default: Annotated[bool, Meta(description="Whether the account has no policy of its own")]
    updated_at: Annotated[Moment | None, Meta(description="When it was set; null for the installation's")]
    default: RetentionPolicyOut


class ErasureOut(Struct, frozen=True, kw_only=True):
    """How much of one kind retention erased on one day (UTC)."""

    id: Id
    kind: Kind
    day: date
    count: Annotated[int, Meta(ge=1)]
    first_at: Moment
    last_at: Moment


class ErasurePage(Struct, frozen=True, kw_only=True):
    """Newest first; pass ``next_cursor`` as ``cursor`` for the next page; null means the last page."""

    items: list[ErasureOut]
    next_cursor: str | None
