"""The routes of one job's live stream over Server-Sent Events, resumable by cursor."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final, TypeAlias
from uuid import UUID

import asyncpg
from litestar import Response, Router, get
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, QueryParameter

from gateway.accounts.auth import Caller
from gateway.accounts.principal import Principal
from gateway.errors import DomainError
from gateway.http.openapi_helpers import BY_ANY, KEY_CODES, problems
from gateway.streaming import event, job_endings
from gateway.streaming.cursor import BEGINNING, Position
from gateway.streaming.event_log import History
from gateway.streaming.job_endings import Kind
from gateway.streaming.sse_response import EventStream, Following
from gateway.streaming.stream_opener import StreamOpener
from gateway.streaming.subscriber import Wanted

CURSOR_CODES: Final = ("cursor_invalid", "cursor_expired")
STREAM_CODES: Final = (*KEY_CODES, *CURSOR_CODES, "too_many_streams", "validation_failed")
LastEventId: TypeAlias = Annotated[
    str | None,
    HeaderParameter(
        name="Last-Event-ID",
        max_length=64,
        description="The last id received; go on after it. Wins over `after`",
    ),
]
After: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        max_length=64,
        description="The same as Last-Event-ID, for clients that cannot set headers; `0` is the oldest event",
    ),
]


@get(
    "/{generation_id:uuid}/events",
    operation_id="scene_events",
    summary="Follow a scene live",
    media_type=event.MEDIA_TYPE,
    responses=problems(*STREAM_CODES, "not_found"),
)
async def scene_events(
    request: Caller,
    *,
    generation_id: FromPath[UUID],
    streams: NamedDependency[StreamOpener],
    pool: NamedDependency[asyncpg.Pool],
    last_event_id: LastEventId = None,
    after: After = None,
) -> EventStream | Response[None]:
    """Stream the scene's events from its first to its last, then end.

    Durable events carry an id and can be resumed with Last-Event-ID, on any gateway; progress has none.
    204 means that no event will follow, which also stops a browser from reconnecting.
    """
    return await _job(streams, pool, request.user, job_endings.SCENE, generation_id, last_event_id or after)


@get(
    "/{export_id:uuid}/events",
    operation_id="export_events",
    summary="Follow an export live",
    media_type=event.MEDIA_TYPE,
    responses=problems(*STREAM_CODES, "not_found"),
)
async def export_events(
    request: Caller,
    *,
    export_id: FromPath[UUID],
    streams: NamedDependency[StreamOpener],
    pool: NamedDependency[asyncpg.Pool],
    last_event_id: LastEventId = None,
    after: After = None,
) -> EventStream | Response[None]:
    """Stream the export's events from its first to its last, then end; otherwise like a scene's stream."""
    return await _job(streams, pool, request.user, job_endings.EXPORT, export_id, last_event_id or after)


async def _job(  # noqa: PLR0917
    streams: StreamOpener, pool: asyncpg.Pool, who: Principal, kind: Kind, job_id: UUID, given: str | None
) -> EventStream | Response[None]:
    after = await streams.position(who.account_id, given) if given else BEGINNING
    found, ending = await job_endings.ending(pool, kind, who.account_id, job_id)
    if not found:
        raise DomainError("not_found", f"You have no {kind.name} with this id.")
    if ending is not None and ending <= after:
        return Response(None, status_code=204)
    wanted = Wanted(
        account_id=who.account_id, subject=str(job_id), api_key_id=who.api_key_id, session_id=who.session_id
    )
    page = partial(_page, streams.history, who.account_id, job_id, kind.endings)
    following = Following(wanted=wanted, after=after, page=page, endings=kind.endings)
    return await streams.open(who, following)


async def _page(
    history: History, account_id: UUID, job_id: UUID, endings: tuple[str, ...], after: Position
) -> tuple[list[event.StreamEvent], Position]:
    events, projected = await history.of_subject(account_id, job_id, after, endings)
    return list(events), projected


ROUTER = Router("/exports", route_handlers=[export_events], security=BY_ANY, tags=["exports"])
