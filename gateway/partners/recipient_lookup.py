"""Whose an event is: asked of Postgres for each, many in one query, nothing remembered.

What is not remembered cannot be out of date: a partner made a moment ago gets its first event, and the row
that knows the partner's own id of a job was committed before the job's first event was in Kafka.
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
from bus.runtime.backoff import Backoff

log = structlog.stdlib.get_logger(__name__)

# The account's partner, and the command that the event goes back to, if one does.
_FIND: Final = """
SELECT asked.n, p.slug, p.created_at, c.subject, c.ce_id
FROM unnest($1::int[], $2::uuid[], $3::uuid[]) AS asked (n, account_id, about)
JOIN partners p ON p.account_id = asked.account_id AND p.deleted_at IS NULL
LEFT JOIN partner_commands c
    ON c.partner_id = p.id AND (c.generation_id = asked.about OR c.id = asked.about)"""

Question: TypeAlias = tuple[UUID, UUID | None]
"""Account; generation or command."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Addressee:
    """The partner; ``subject`` and ``ce_id`` are its own words, where a command of its led to the event."""

    slug: str
    created_at: datetime
    subject: str | None
    ce_id: str | None


class Directory:
    """Collects the questions of one turn of the loop."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._asked: list[tuple[Question, asyncio.Future[Addressee | None]]] = []
        self._asking: set[asyncio.Task[None]] = set()

    async def of(self, account_id: UUID, about: UUID | None) -> Addressee | None:
        """Return who is to be told; None where the account is no partner. Waits for Postgres."""
        answer: asyncio.Future[Addressee | None] = asyncio.get_running_loop().create_future()
        if not self._asked:
            task = asyncio.ensure_future(self._ask())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        self._asked.append(((account_id, about), answer))
        return await answer

    async def _ask(self) -> None:
        await asyncio.sleep(0)  # whoever asks in this turn comes along
        asked, self._asked = self._asked, []
        try:
            found = await self._find([question for question, _ in asked])
        except Exception as error:  # noqa: BLE001  (whoever asked is told)
            for _, answer in asked:
                if not answer.done():
                    answer.set_exception(error)
            return
        for number, (_, answer) in enumerate(asked):
            if not answer.done():
                answer.set_result(found.get(number))

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
