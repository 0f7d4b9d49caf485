"""Field types that several request and response bodies share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import Meta

Id = Annotated[UUID, Meta(examples=["0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47"])]
Email = Annotated[str, Meta(max_length=254, examples=["ada@example.com"])]
Name = Annotated[str, Meta(max_length=100, examples=["Ada"])]
Password = Annotated[str, Meta(max_length=1024, examples=["a short sentence"])]
Moment = Annotated[datetime, Meta(tz=True, examples=["2026-01-31T12:00:00Z"])]
Status = Annotated[
    str, Meta(pattern="^(pending|processing|completed|failed|cancelled)$", examples=["completed"])
]
