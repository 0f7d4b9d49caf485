"""What was used."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct

from gateway.api.schemas.fields import Moment


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
