"""Live streams over Server-Sent Events: the past, the recent and the live as one, resumable by cursor."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Final, TypeAlias
from uuid import UUID

from litestar import Response, Router, get
from litestar.params import FromPath, HeaderParameter, QueryParameter

from gateway.accounts.auth import Caller, Principal
from gateway.errors import DomainError
from gateway.http.openapi_helpers import BY_ANY, KEY_CODES, problems
from gateway.scenes import job_endings
from gateway.scenes.job_endings import Kind
from gateway.services import Services, Using
from gateway.streaming import event
from gateway.streaming.cursor import BEGINNING, FIRST, Cursor, Position, parse, partition_of
from gateway.streaming.sse_response import EventStream, Following
from gateway.streaming.subscriber import Wanted

SETTLE_TIMEOUT_S: Final = 5.0
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
    generation_id: FromPath[UUID],
    services: Using,
    last_event_id: LastEventId = None,
    after: After = None,
) -> EventStream | Response[None]:
    """Stream the scene's events from its first to its last, then end.

    Durable events carry an id and can be resumed with Last-Event-ID, on any gateway; progress has none.
    204 says that nothing will follow, which also stops a browser from coming back.
    """
    return await _job(services, request.user, job_endings.SCENE, generation_id, last_event_id or after)


@get(
    "/{export_id:uuid}/events",
    operation_id="export_events",
    summary="Follow an export live",
    media_type=event.MEDIA_TYPE,
    responses=problems(*STREAM_CODES, "not_found"),
)
async def export_events(
    request: Caller,
    export_id: FromPath[UUID],
    services: Using,
    last_event_id: LastEventId = None,
    after: After = None,
) -> EventStream | Response[None]:
    """Stream the export's events from its first to its last, then end; as a scene's stream in all else."""
    return await _job(services, request.user, job_endings.EXPORT, export_id, last_event_id or after)


async def _job(
    services: Services, who: Principal, kind: Kind, job_id: UUID, given: str | None
) -> EventStream | Response[None]:
    after = await place(services, who.account_id, given) if given else BEGINNING
    found, ending = await job_endings.ending(services.pool, kind, who.account_id, job_id)
    if not found:
        raise DomainError("not_found", f"You have no {kind.name} with this id.")
    if ending is not None and ending <= after:
        return Response(None, status_code=204)
    wanted = Wanted(account_id=who.account_id, subject=str(job_id), api_key_id=who.api_key_id)
    page = partial(_page, services, who.account_id, job_id, kind.endings)
    following = Following(wanted=wanted, after=after, page=page, endings=kind.endings)
    return await open_stream(services, who, following)


async def _page(
    services: Services, account_id: UUID, job_id: UUID, endings: tuple[str, ...], after: Position
) -> tuple[list[event.StreamEvent], Position]:
    events, projected = await services.history.of_subject(account_id, job_id, after, endings)
    return list(events), projected


async def open_stream(services: Services, who: Principal, following: Following) -> EventStream:
    """Return the response. Raises `DomainError` too_many_streams; each gateway counts its own."""
    await settled(services)
    most = (await services.quotas.of(who.account_id, who.role)).max_streams
    # Last of all: nothing waits between this and the moment when the stream is counted.
    if services.hub.count(who.account_id) >= most:
        raise DomainError(
            "too_many_streams",
            f"The account has {most} live streams open; close one, or follow all its events in a single one.",
            retry_after_s=10,
            limit=most,
        )
    return EventStream(following, services.hub, services.metrics)


async def place(services: Services, account_id: UUID, given: str) -> Position:
    """Return the position of a cursor that a client sent.

    Raises `DomainError` cursor_invalid for one that is not ours or from the future, cursor_expired where what
    follows it was removed, temporarily_unavailable where that cannot be told.
    """
    text = given.strip()
    if text == FIRST:
        return BEGINNING
    hub = services.hub
    cursor = parse(text, epoch=hub.epoch, partition=partition_of(account_id, hub.partitions))
    await settled(services)
    if cursor.position >= hub.floor(account_id):
        if cursor.position > hub.now(account_id):
            await _check_given(services, cursor)
    elif (oldest := await services.history.expired(cursor)) is not None:
        raise DomainError(
            "cursor_expired",
            "What follows this event was removed. Begin with details.oldest_cursor, and read anew what you"
            " keep of the account: you may have missed events.",
            oldest_cursor=oldest,
        )
    return cursor.position


async def _check_given(services: Services, cursor: Cursor) -> None:
    """Raise unless there is such a place: the ledger, or another gateway, may have heard more than we."""
    floors = await services.history.floors()
    if cursor.offset < floors.get(cursor.partition, 0):
        return
    end = await services.tail.end_of(cursor.partition)
    if end is None:
        raise DomainError(
            "temporarily_unavailable", "This gateway has not heard of that event yet; try again."
        )
    if cursor.offset >= end:
        raise DomainError("cursor_invalid", "No event has this id yet; send one back that you were given.")


async def settled(services: Services) -> None:
    """Wait until it is known where the recent begins. Raises `DomainError` temporarily_unavailable."""
    try:
        await services.hub.wait_settled(SETTLE_TIMEOUT_S)
    except TimeoutError as error:
        raise DomainError("temporarily_unavailable", "Live streams are not ready yet; try again.") from error


ROUTER = Router("/exports", route_handlers=[export_events], security=BY_ANY, tags=["exports"])
