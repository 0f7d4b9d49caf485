"""Looks up the partner that receives an event: many events in one query, without a cache.

Without a cache no answer is stale: a new partner gets its first event, and the row with the partner's own id
of a job is committed before the job's first event is in Kafka.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import structlog

from bus.bridges.postgres_errors import PASSING
from bus.bridges.quiet import Quiet
from bus.runtime.backoff import Backoff

log = structlog.stdlib.get_logger(__name__)

# The account's partner, and the command that caused the event, if any.
_FIND: Final = """
SELECT asked.n, p.slug, p.created_at, c.subject, c.ce_id
FROM unnest($1::int[], $2::uuid[], $3::uuid[]) AS asked (n, account_id, about)
JOIN partners p ON p.account_id = asked.account_id AND p.deleted_at IS NULL
LEFT JOIN partner_commands c
    ON c.partner_id = p.id AND (c.generation_id = asked.about OR c.id = asked.about)"""

ANY_PARTNER: Final = "SELECT EXISTS (SELECT FROM partners WHERE deleted_at IS NULL)"

Question: TypeAlias = tuple[UUID, UUID | None]
"""The account's id, and the id of the generation or command."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Addressee:
    """The partner; ``subject`` and ``ce_id`` are those of its command, if one caused the event."""

    slug: str
    created_at: datetime
    subject: str | None
    ce_id: str | None


class Directory:
    """Batches the lookups of one event loop iteration; ``quiet`` asks after each."""

    def __init__(self, pool: asyncpg.Pool, quiet: Quiet) -> None:
        self._pool, self._quiet = pool, quiet
        self._asked: list[tuple[Question, asyncio.Future[Addressee | None]]] = []
        self._asking: set[asyncio.Task[None]] = set()

    async def of(self, account_id: UUID, about: UUID | None) -> Addressee | None:
        """Return the recipient, or None if the account is no partner. Retries while Postgres is down."""
        answer: asyncio.Future[Addressee | None] = asyncio.get_running_loop().create_future()
        if not self._asked:
            task = asyncio.ensure_future(self._ask())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        self._asked.append(((account_id, about), answer))
        return await answer

    async def _ask(self) -> None:
        await asyncio.sleep(0)  # batch all lookups of this iteration
        asked, self._asked = self._asked, []
        try:
            found = await self._find([question for question, _ in asked])
        except Exception as error:  # noqa: BLE001  (every caller gets it)
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        for number, (_, answer) in enumerate(asked):
            if not answer.done():
                answer.set_result(found.get(number))
        await self._quiet.ask()

    async def _find(self, questions: list[Question]) -> dict[int, Addressee]:
        accounts, about = zip(*questions, strict=True)
        backoff = Backoff()
        while True:
            try:
                rows = await self._pool.fetch(_FIND, list(range(len(questions))), accounts, about)
                break
            except PASSING as error:
                log.warning("directory_waits", error=repr(error), s=backoff.wait_s)
                await backoff.sleep()
        return {
            row["n"]: Addressee(
                slug=row["slug"], created_at=row["created_at"], subject=row["subject"], ce_id=row["ce_id"]
            )
            for row in rows
        }
