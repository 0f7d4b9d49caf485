"""Dead letters, for admins: list, redrive, discard."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal
from uuid import UUID

import msgspec
import structlog
from litestar import Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, QueryParameter

from gateway.accounts.auth import Caller
from gateway.errors import DomainError
from gateway.http import paging
from gateway.http.context import trace_of
from gateway.http.openapi_helpers import BY_PERSON, SIGN_IN_CODES, problems
from gateway.operations.dead_letter_schemas import DeadLetterItem, DeadLetterOut, DeadLetterPage, RedrivenOut
from gateway.operations.dead_letters import DeadLetterRow, DeadLetterStore
from gateway.operations.redrive import Redriver

_log = structlog.stdlib.get_logger(__name__)
_CODES: Final = (*SIGN_IN_CODES, "sign_in_required", "role_insufficient")


@get(
    "/",
    operation_id="list_dead_letters",
    summary="List dead letters",
    responses=problems(*_CODES, "cursor_invalid", "validation_failed"),
)
async def list_dead_letters(
    dead_letters: NamedDependency[DeadLetterStore],
    status: FromQuery[Literal["open", "redriven", "discarded"]] = "open",
    cursor: Annotated[str | None, QueryParameter(max_length=128)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> DeadLetterPage:
    """Return dead letters of all accounts, newest first."""
    before = paging.decode(cursor) if cursor else None
    rows = await dead_letters.list(state=status, before=before, limit=limit + 1)
    shown, last = rows[:limit], rows[limit - 1] if len(rows) > limit else None
    return DeadLetterPage(
        items=[DeadLetterItem(**_common(row)) for row in shown],
        next_cursor=paging.encode(last.dead_at, last.id) if last else None,
    )


@get(
    "/{letter_id:uuid}",
    operation_id="get_dead_letter",
    summary="Get a dead letter",
    responses=problems(*_CODES, "not_found"),
)
async def get_dead_letter(
    letter_id: FromPath[UUID], dead_letters: NamedDependency[DeadLetterStore]
) -> DeadLetterOut:
    """Return one with its command and its position in Kafka."""
    row = await _found(dead_letters, letter_id)
    return DeadLetterOut(
        **_common(row),
        origin_topic=row.origin_topic,
        partition=row.partition,
        offset=row.offset,
        command=_command(row.value),
    )


@post(
    "/{letter_id:uuid}/redrive",
    operation_id="redrive_dead_letter",
    status_code=202,
    summary="Redrive a dead letter",
    responses=problems(
        *_CODES, "not_found", "dead_letter_settled", "dead_letter_unreadable", "dead_letter_orphaned"
    ),
)
async def redrive_dead_letter(
    request: Caller,
    letter_id: FromPath[UUID],
    dead_letters: NamedDependency[DeadLetterStore],
    redriver: NamedDependency[Redriver],
) -> RedrivenOut:
    """Run the job again as a new job that names the old one (`retry_of`); the old one stays failed."""
    row, admin = await _found(dead_letters, letter_id), request.user.account_id
    fresh = await redriver.redrive(row, by=admin, trace=trace_of(request))
    _log.info("dead_letter_redriven", letter_id=str(letter_id), redriven_as=str(fresh), by=str(admin))
    return RedrivenOut(redriven_as=fresh, message="Accepted again under this id.")


@post(
    "/{letter_id:uuid}/discard",
    operation_id="discard_dead_letter",
    status_code=204,
    summary="Discard a dead letter",
    responses=problems(*_CODES, "not_found", "dead_letter_settled"),
)
async def discard_dead_letter(
    request: Caller, letter_id: FromPath[UUID], dead_letters: NamedDependency[DeadLetterStore]
) -> None:
    """Settle it without another attempt. It stays listed as discarded."""
    await _found(dead_letters, letter_id)
    admin = request.user.account_id
    await dead_letters.discard(letter_id, by=admin)
    _log.info("dead_letter_discarded", letter_id=str(letter_id), by=str(admin))


async def _found(dead_letters: DeadLetterStore, letter_id: UUID) -> DeadLetterRow:
    row = await dead_letters.get(letter_id)
    if row is None:
        raise DomainError("not_found", "There is no dead letter with this id.")
    return row


def _common(row: DeadLetterRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in DeadLetterItem.__struct_fields__}


def _command(value: bytes | None) -> Any:
    try:
        return msgspec.json.decode(value or b"null")
    except (msgspec.DecodeError, RecursionError):
        return None


ROUTER = Router(
    "/admin/dead-letters",
    route_handlers=[list_dead_letters, get_dead_letter, redrive_dead_letter, discard_dead_letter],
    security=BY_PERSON,
    tags=["admin"],
)
