"""Health, for load balancers; metrics are on the health port (`gateway.serving`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from importlib.metadata import version
from typing import Annotated, Any, Final

import asyncpg
import structlog
from litestar import Response, Router, get
from litestar.di import NamedDependency
from msgspec import Meta, Struct

from bus.blobs import BlobStore
from gateway.http.openapi_helpers import PUBLIC
from gateway.streaming.event_tail import Tail

CHECK_TIMEOUT_S: Final = 3.0
VERSION: Final = version("sharpstream")
_log = structlog.stdlib.get_logger(__name__)


class Live(Struct, frozen=True, kw_only=True):
    """The process is responsive. ``version``: of the running release, as in the OpenAPI document."""

    status: Annotated[str, Meta(examples=["live"])]
    version: Annotated[str, Meta(examples=["0.1.0"])]


class Ready(Struct, frozen=True, kw_only=True):
    """Whether requests can be accepted, and each dependency's state. Kafka is not required."""

    status: Annotated[str, Meta(examples=["ready"])]
    postgres: Annotated[str, Meta(examples=["ok"])]
    s3: Annotated[str, Meta(examples=["ok"])]
    kafka: Annotated[str, Meta(examples=["connected"])]


@get("/health/live", operation_id="live", summary="Is the process alive", sync_to_thread=False)
def live() -> Live:
    """Return 200 while the process is responsive."""
    return Live(status="live", version=VERSION)


@get("/health/ready", operation_id="ready", summary="Can requests be accepted")
async def ready(
    pool: NamedDependency[asyncpg.Pool], blobs: NamedDependency[BlobStore], tail: NamedDependency[Tail]
) -> Response[Ready]:
    """Check Postgres and S3. Without Kafka the outbox keeps accepted jobs, and live streams lag."""
    postgres, s3 = await states(pool, blobs)
    fine = postgres == s3 == "ok"
    body = Ready(status="ready" if fine else "unready", postgres=postgres, s3=s3, kafka=tail.state)
    return Response(body, status_code=200 if fine else 503)


async def states(pool: asyncpg.Pool, blobs: BlobStore) -> tuple[str, str]:
    """Return the states of Postgres and S3: ``ok`` or ``unreachable``."""
    postgres, s3 = await asyncio.gather(_state(pool.fetchval("SELECT 1")), _state(blobs.check()))
    return postgres, s3  # a tuple, as `gateway.serving` compares it; gather returns a list


async def _state(check: Awaitable[Any]) -> str:
    try:
        await asyncio.wait_for(check, CHECK_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001  (any failure means not ready)
        _log.warning("readiness_check_failed", error=repr(error))
        return "unreachable"
    return "ok"


ROUTER = Router("/", route_handlers=[live, ready], security=PUBLIC, tags=["operations"])
