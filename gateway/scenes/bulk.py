"""The same done to several scenes by one request: delete, tag, mark as a favourite, export.

Each scene has an outcome of its own; one that cannot be done keeps none of the others from being done. Sent
again, a request changes nothing: a deleted scene stays deleted, a tag is there once, an export is made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import asyncpg

from gateway.accounts.principal import Principal
from gateway.errors import DomainError
from gateway.scenes.cancel_delete import delete_locked
from gateway.scenes.export_orders import ExportOrders, Wanted
from gateway.scenes.owner_notes import MOST_TAGS, name_erased
from gateway.trace import Trace

MOST: Final = 100
"""Scenes of one request, and of one transaction."""
_LOCK: Final = """
SELECT id, status, deleted_at FROM scene_generations
WHERE id = ANY($1::uuid[]) AND user_id = $2 ORDER BY id FOR NO KEY UPDATE"""
# What a scene has already keeps its position; new tags follow in the order given.
_TAG: Final = f"""
UPDATE scene_generations s SET tags = s.tags || ARRAY(
    SELECT tag FROM unnest($3::text[]) WITH ORDINALITY AS t (tag, n) WHERE tag <> ALL (s.tags) ORDER BY n)
WHERE s.id = ANY($1::uuid[]) AND s.user_id = $2 AND s.deleted_at IS NULL AND s.name_erased_at IS NULL
  AND cardinality(s.tags) + (SELECT count(*) FROM unnest($3::text[]) AS t (tag) WHERE tag <> ALL (s.tags))
      <= {MOST_TAGS}
RETURNING s.id"""  # noqa: S608  (a constant)
_UNTAG: Final = """
UPDATE scene_generations s
SET tags = ARRAY(SELECT tag FROM unnest(s.tags) WITH ORDINALITY AS t (tag, n)
                 WHERE tag <> ALL ($3::text[]) ORDER BY n)
WHERE s.id = ANY($1::uuid[]) AND s.user_id = $2 AND s.deleted_at IS NULL RETURNING s.id"""
_FAVOURITE: Final = """
UPDATE scene_generations SET favourite = $3
WHERE id = ANY($1::uuid[]) AND user_id = $2 AND deleted_at IS NULL RETURNING id"""
_ERASED: Final = """
SELECT id, name_erased_at IS NOT NULL AS erased FROM scene_generations
WHERE id = ANY($1::uuid[]) AND user_id = $2 AND deleted_at IS NULL"""
_FULL: Final = frozenset({"quota_exports", "rate_limited", "storage_exhausted"})
"""Refusals of an export that the next scene would get as well."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one scene; ``error`` None: it is done. ``export_id``: of its export."""

    id: UUID
    error: DomainError | None = None
    export_id: UUID | None = None


class Bulk:
    """Carries out one action on up to `MOST` scenes of an account; the outcomes are in the order given."""

    def __init__(self, pool: asyncpg.Pool, orders: ExportOrders) -> None:
        self._pool, self._orders = pool, orders

    async def delete(self, account_id: UUID, scenes: Sequence[UUID], trace: Trace) -> list[Outcome]:
        """Delete those that have ended, in one transaction. Codes: not_found, scene_unfinished."""
        now = datetime.now(UTC)
        async with self._pool.acquire() as connection, connection.transaction():
            rows = {row["id"]: row for row in await connection.fetch(_LOCK, list(scenes), account_id)}
            ended = [
                each
                for each, row in rows.items()
                if row["deleted_at"] is None and row["status"] not in {"pending", "processing"}
            ]
            if ended:
                await delete_locked(connection, account_id, ended, now, trace)
        done = {*ended, *(each for each, row in rows.items() if row["deleted_at"] is not None)}
        running = DomainError(
            "scene_unfinished", "Only a scene that has ended can be deleted; cancel it first."
        )
        return [
            Outcome(id=each, error=None if each in done else running if each in rows else _unknown())
            for each in scenes
        ]

    async def tag(self, account_id: UUID, scenes: Sequence[UUID], tags: Sequence[str]) -> list[Outcome]:
        """Add the tags. Codes: not_found, name_erased, validation_failed where there would be too many."""
        changed = await self._changed(_TAG, account_id, scenes, list(tags))
        rows = await self._pool.fetch(_ERASED, list(scenes), account_id)
        erased = {row["id"]: row["erased"] for row in rows}
        many = DomainError("validation_failed", f"A scene has at most {MOST_TAGS} tags; remove some of them.")
        return [
            Outcome(
                id=each,
                error=None
                if each in changed
                else _unknown()
                if each not in erased
                else name_erased()
                if erased[each]
                else many,
            )
            for each in scenes
        ]

    async def untag(self, account_id: UUID, scenes: Sequence[UUID], tags: Sequence[str]) -> list[Outcome]:
        """Remove the tags. Code: not_found."""
        return _known(scenes, await self._changed(_UNTAG, account_id, scenes, list(tags)))

    async def mark(self, account_id: UUID, scenes: Sequence[UUID], *, favourite: bool) -> list[Outcome]:
        """Mark them as favourites, or no longer. Code: not_found."""
        return _known(scenes, await self._changed(_FAVOURITE, account_id, scenes, favourite))

    async def export(
        self, caller: Principal, scenes: Sequence[UUID], wanted: Wanted, trace: Trace
    ) -> list[Outcome]:
        """Order an export of each. Codes: those of `ExportOrders.order`.

        Where a quota is used up, the rest is refused without a try: it is to be sent again in a while.
        """
        found: list[Outcome] = []
        full: DomainError | None = None
        for each in scenes:
            try:
                made = (
                    await self._orders.order(caller, each, wanted, trace)
                    if full is None
                    else await self._orders.ordered(caller.account_id, each, wanted)
                )
            except DomainError as error:
                full = error if error.code in _FULL else full
                found.append(Outcome(id=each, error=error))
                continue
            found.append(
                Outcome(id=each, error=full) if made is None else Outcome(id=each, export_id=made.id)
            )
        return found

    async def _changed(
        self, statement: str, account_id: UUID, scenes: Sequence[UUID], value: object
    ) -> set[UUID]:
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(
                _LOCK, list(scenes), account_id
            )  # in one order: two requests wait in turn
            rows = await connection.fetch(statement, list(scenes), account_id, value)
        return {row["id"] for row in rows}


def _known(scenes: Sequence[UUID], changed: set[UUID]) -> list[Outcome]:
    return [Outcome(id=each, error=None if each in changed else _unknown()) for each in scenes]


def _unknown() -> DomainError:
    return DomainError("not_found", "You have no scene with this id.")
