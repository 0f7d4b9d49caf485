"""What administrators and operators do, written in the transaction of the act: never one without the other.

Each act has its action, an operation's id or a command, and what it was done to. Who did it is an account, or
the operator at a command line. No address, no name, no secret: the rows are kept for good. The roles may add
rows and change none (`ledger.db.grants`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from bus.contract.ids import new_id
from ledger.db.queries import columns_of, older_than, run
from ledger.db.tables.admin_acts import AdminAct

_ADD: Final = """
INSERT INTO admin_acts (id, actor, action, target, details) VALUES ($1, $2, $3, $4, $5::text::jsonb)"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Act:
    """One act. ``actor``: the admin's account, None for a command of the operator."""

    action: str
    actor: UUID | None = None
    target: UUID | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ActRow:
    """One row of ``admin_acts``; ``details`` is JSON text."""

    id: UUID
    at: datetime
    actor: UUID | None
    action: str
    target: UUID | None
    details: str


_COLUMNS: Final = columns_of(AdminAct, ActRow)


async def record(connection: asyncpg.Connection, act: Act) -> None:
    """Add the act as part of the caller's transaction, in which it is done.

    Raises `RuntimeError` outside of one: an act that fails afterwards would be recorded all the same.
    """
    if not connection.is_in_transaction():
        raise RuntimeError(f"The act {act.action} is recorded outside of a transaction.")
    details = msgspec.json.encode(act.details).decode()
    await connection.execute(_ADD, new_id(), act.actor, act.action, act.target, details)


async def page(
    pool: asyncpg.Pool,
    *,
    before: tuple[datetime, UUID] | None,
    limit: int,
    actor: UUID | None = None,
    target: UUID | None = None,
) -> list[ActRow]:
    """Return up to ``limit`` acts, newest first; of one account, or done to one thing, if asked."""
    query = AdminAct.select(*_COLUMNS)
    if actor is not None:
        query = query.where(AdminAct.actor == actor)
    if target is not None:
        query = query.where(AdminAct.target == target)
    if before is not None:
        query = query.where(older_than(AdminAct.at, AdminAct.id, before))
    rows = await run(pool, query.order_by(AdminAct.at, AdminAct.id, ascending=False).limit(limit))
    return [ActRow(**row) for row in rows]
