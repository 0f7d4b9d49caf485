"""Live streams over Server-Sent Events: the past, the recent and the live as one, resumable by cursor."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final
from uuid import UUID

from litestar import Response, get
from litestar.params import FromPath, HeaderParameter
from litestar.response import Stream

from gateway import stream
from gateway.api.documented import KEY_CODES, problems
from gateway.auth import Caller
from gateway.cursor import BEGINNING, Position, parse, partition_of
from gateway.errors import ApiError
from gateway.hub import Reader
from gateway.join import Join
from gateway.services import Using
from gateway.store.scenes import ENDINGS
from gateway.stream import StreamEvent

SETTLE_TIMEOUT_S: Final = 5.0
_PAUSES_S: Final = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Waits for a ledger that lags; the last one repeats."""
_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@get(
    "/{generation_id:uuid}/events",
    operation_id="scene_events",
    summary="Follow a scene live",
    media_type=stream.MEDIA_TYPE,
    responses=problems(*KEY_CODES, "not_found", "cursor_invalid"),
)
async def scene_events(
    request: Caller,
    generation_id: FromPath[UUID],
    services: Using,
    last_event_id: Annotated[
        str | None,
        HeaderParameter(name="Last-Event-ID", description="The last id received; go on after it"),
    ] = None,
) -> Stream | Response[None]:
    """Stream the scene's events from its first to its last, then end.

    Durable events carry an id and can be resumed with Last-Event-ID, on any gateway; progress has none.
    204 says that nothing will follow, which also stops a browser from coming back.
    """
    account_id = request.user.account_id
    after = _after(services, account_id, last_event_id)
    found, ending = await services.scenes.ending(account_id, generation_id)
    if not found:
        raise ApiError("not_found", "You have no scene with this id.")
    if ending is not None and ending <= after:
        return Response(None, status_code=204)
    await _settled(services)
    events = follow_scene(services, account_id, generation_id, after)
    return Stream(events, media_type=stream.MEDIA_TYPE, headers=_HEADERS)


async def follow_scene(
    services: Using, account_id: UUID, generation_id: FromPath[UUID], after: Position
) -> AsyncIterator[bytes]:
    """Yield the SSE bytes of one generation, from ``after`` to its ending."""
    beat = services.settings.gateway.heartbeat_seconds
    yield stream.OPENING
    with (
        services.metrics.readers.track_inprogress(),
        services.hub.reader(account_id, str(generation_id)) as reader,
    ):
        join = Join(after=after, floor=reader.floor, endings=ENDINGS)
        async for chunk in _past(services, join, account_id, generation_id, beat):
            yield chunk
        if chunk := _frames(join, reader.recent):
            yield chunk
        reader.recent.clear()
        async for chunk in _live(reader, join, beat):
            yield chunk
        if reader.dropped and not join.ended:
            services.metrics.dropped.inc()


async def _past(
    services: Using, join: Join, account_id: UUID, generation_id: FromPath[UUID], beat: float
) -> AsyncIterator[bytes]:
    lag, spoke = 0, time.monotonic()
    while join.needs_past:
        events, projected = await services.history.of_subject(account_id, generation_id, join.seen)
        if chunk := b"".join(event.frame for event in join.past(events, projected)):
            lag, spoke = 0, time.monotonic()
            yield chunk
        elif join.needs_past:
            await asyncio.sleep(_PAUSES_S[min(lag, len(_PAUSES_S) - 1)])
            lag += 1
            if time.monotonic() - spoke >= beat:
                spoke = time.monotonic()
                yield stream.HEARTBEAT


async def _live(reader: Reader, join: Join, beat: float) -> AsyncIterator[bytes]:
    while not join.ended:
        events = await reader.take(beat)
        if reader.dropped:
            return
        if not events:
            yield stream.HEARTBEAT
        elif chunk := _frames(join, events):
            yield chunk


def _frames(join: Join, events: Sequence[StreamEvent]) -> bytes:
    return b"".join(event.frame for event in join.take(events))


def _after(services: Using, account_id: UUID, last_event_id: str | None) -> Position:
    if not last_event_id:
        return BEGINNING
    hub = services.hub
    partition = partition_of(account_id, hub.partitions)
    return parse(last_event_id.strip(), epoch=hub.epoch, partition=partition).position


async def _settled(services: Using) -> None:
    try:
        await services.hub.wait_settled(SETTLE_TIMEOUT_S)
    except TimeoutError as error:
        raise ApiError("temporarily_unavailable", "Live streams are not ready yet; try again.") from error
