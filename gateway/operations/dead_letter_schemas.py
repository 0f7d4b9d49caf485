"""Response bodies of dead letters."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from gateway.http.fields import Id, Moment


class DeadLetterItem(Struct, frozen=True, kw_only=True):
    """A job that failed after its last attempt. ``subject`` is its generation or export, where readable."""

    id: Id
    topic: Annotated[str, Meta(examples=["sharp.generation.commands.dead.v1"])]
    subject: Id | None
    account_id: Id | None
    code: Annotated[str, Meta(examples=["blob_store"])]
    reason: Annotated[str, Meta(examples=["The object store did not answer."])]
    attempts: Annotated[int, Meta(examples=[4])]
    state: Annotated[str, Meta(pattern="^(open|redriven|discarded)$", examples=["open"])]
    dead_at: Moment
    settled_at: Moment | None
    settled_by: Id | None
    redriven_as: Id | None


class DeadLetterOut(DeadLetterItem, frozen=True, kw_only=True):
    """A dead letter with its position in Kafka and its command, null where the bytes are not JSON."""

    origin_topic: str | None
    partition: int
    offset: int
    command: Any


class DeadLetterPage(Struct, frozen=True, kw_only=True):
    """One page, newest first; pass ``next_cursor`` as ``cursor`` for the next page, null is the end."""

    items: list[DeadLetterItem]
    next_cursor: str | None


class RedrivenOut(Struct, frozen=True, kw_only=True):
    """The new job that repeats the dead one."""

    redriven_as: Id
    message: str
