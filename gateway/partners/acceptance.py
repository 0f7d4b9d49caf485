"""Answers each partner command once, with a generation or a rejection.

Slow work (fetching, checking, storing the photo) is done first. Then the command's row, the generation, its
events and the offset are written in one transaction (`bus.bridges.projection`). The ``ce_id`` is unique, so
a repeat changes nothing. Errors on our side are raised and retried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg
import structlog

from bus.bridges import outbox
from bus.bridges.projection import RawRecord
from bus.contract import ids, topics
from bus.contract.messages import CommandRejected
from bus.contract.partners import COMMANDS
from bus.runtime.errors import PermanentError, SharpstreamError, TransientError
from gateway.accounts.principal import Principal
from gateway.errors import DomainError
from gateway.outbox import outbox_record
from gateway.partners import commands, metrics, suspension
from gateway.partners.batch_reader import UnreadableRecord
from gateway.partners.command_rate import CommandRate
from gateway.partners.commands import Command
from gateway.scenes import accept_generation
from gateway.scenes.accept_generation import Acceptance
from gateway.scenes.generate_request import GenerateRequest
from gateway.scenes.prepare import Preparer
from gateway.scenes.stored_bytes import StoredBytes
from ledger.events import storable

log = structlog.stdlib.get_logger(__name__)

_PARTNER: Final = """
SELECT p.id, p.account_id, p.state, u.role FROM partners p JOIN users u ON u.id = p.account_id
WHERE p.slug = $1 AND p.deleted_at IS NULL"""
_ANSWERED: Final = """
SELECT fingerprint FROM partner_commands
WHERE partner_id = $1 AND ce_id = $2 AND code IS DISTINCT FROM 'command_id_reused'"""
_WRITE: Final = """
INSERT INTO partner_commands (id, partner_id, ce_id, subject, fingerprint, generation_id, code, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, now()) ON CONFLICT DO NOTHING RETURNING id"""
_REJECT: Final = "UPDATE partner_commands SET generation_id = NULL, code = $2 WHERE id = $1"
_KEPT: Final = "SELECT true FROM scene_generations WHERE id = $1"
_OURS: Final = frozenset({"internal", "busy", "temporarily_unavailable"})


class NoRoomError(TransientError):
    """The account's quota of generations in flight is used up; the command waits until one ends."""

    code = "quota_in_flight"


@dataclass(frozen=True, kw_only=True, slots=True)
class Partner:
    """The partner that owns the topic, with its account's role."""

    id: UUID
    account_id: UUID
    state: str
    role: str


@dataclass(kw_only=True, slots=True)
class Prepared:
    """A record that is ready for its transaction. ``acceptance``: set if acceptable, its photo stored."""

    record: RawRecord
    partner: Partner | None
    command: Command
    acceptance: Acceptance | None = None
    refusal: SharpstreamError | None = None


class CommandHandler:
    """Handles commands: prepares each, then writes its answer.

    ``wait_s``: how long a command waits for quota before it is rejected. ``epoch``: the topic epoch.
    ``unreadable_limit``: a partner with so many undecodable records in an hour is suspended.
    """

    def __init__(
        self, pool: asyncpg.Pool, preparer: Preparer, *, epoch: int, wait_s: float, unreadable_limit: int
    ) -> None:
        self._pool, self._preparer, self._epoch = pool, preparer, epoch
        self._stored = StoredBytes(pool)
        self._unreadable_limit = unreadable_limit
        self._wait = timedelta(seconds=wait_s)
        self._prepared: dict[tuple[str, int, int], Prepared] = {}
        self._rate = CommandRate()

    async def prepare(self, record: RawRecord) -> Prepared:
        """Do the slow work, in this partner's turn. Raises only errors that a retry may resolve."""
        command = commands.read(record)
        partner = await self._partner(self._pool, record.topic)
        if partner is not None:
            quota = await self._preparer.dependencies.quotas.of(partner.account_id, partner.role)
            await self._rate.turn(partner.id, quota.requests_per_minute)
        made = Prepared(record=record, partner=partner, command=command, refusal=command.refusal)
        if partner is None or command.request is None or await self._answered(partner, command):
            return made
        try:
            self._require_active(partner)
            made.acceptance = await self._prepared_of(partner, command.request)
        except (DomainError, PermanentError) as error:
            if error.code in _OURS:
                raise TransientError(error.message, code=error.code) from error
            made.refusal = error
        return made

    async def partner_of(self, record: RawRecord) -> Partner | None:
        """Return the partner that owns the record's topic."""
        return await self._partner(self._pool, record.topic)

    def hand_in(self, prepared: Prepared) -> None:
        """Register the prepared record for `apply`."""
        self._prepared[_record_key(prepared.record)] = prepared

    def forget(self, prepared: Prepared) -> None:
        """Undo `hand_in`."""
        self._prepared.pop(_record_key(prepared.record), None)

    async def clear(self, prepared: Prepared) -> None:
        """Forget the record, and delete its photo unless a generation uses it.

        Its transaction must have ended: an open one is not seen here, and its job would lose its photo.
        """
        self.forget(prepared)
        if prepared.acceptance is None:
            return
        photo_of = prepared.acceptance.command
        if not await self._pool.fetchval(_KEPT, photo_of.generation_id):
            await self._preparer.take_back(photo_of.source.key)

    async def make_room(self, prepared: Prepared) -> None:
        """Read the account's quota of generations in flight again."""
        partner, acceptance = prepared.partner, prepared.acceptance
        if acceptance is not None and partner is not None:
            quota = await self._preparer.dependencies.quotas.of(partner.account_id, partner.role)
            prepared.acceptance = replace(acceptance, max_in_flight=quota.max_in_flight)

    async def apply(self, connection: asyncpg.Connection, records: Sequence[RawRecord]) -> None:
        """Write the answers; a `bus.bridges.projection.Apply`. Raises `NoRoomError`, changing nothing."""
        for record in records:
            await self._answer(connection, self._prepared[_record_key(record)])

    async def _answer(self, connection: asyncpg.Connection, made: Prepared) -> None:
        partner = made.partner and await self._partner(connection, made.record.topic)
        if partner is None:
            log.warning("command_without_partner", topic=made.record.topic, offset=made.record.offset)
            return
        acceptance, refusal = made.acceptance, made.refusal
        if partner.state == "suspended":
            refusal = refusal or _suspended()
        elif acceptance is None:  # `prepare` found an answer; if that is gone, reject
            refusal = refusal or failed()
        command_id = self._id_of(made.record)
        generation_id = acceptance.command.generation_id if acceptance and not refusal else None
        code = refusal.code if refusal else None
        if not await self._write(connection, made, partner, command_id, generation_id, code):
            metrics.COMMANDS.labels("repeated").inc()
            return
        if refusal is None and acceptance is not None:
            refusal = await self._accept(connection, made, acceptance, command_id)
        if refusal is not None:
            await self._reject(connection, made, partner, command_id, refusal)
        if isinstance(made.record, UnreadableRecord):
            await suspension.count_unreadable(connection, partner.id, limit=self._unreadable_limit)
        metrics.COMMANDS.labels("rejected" if refusal else "accepted").inc()

    async def _write(  # noqa: PLR0917
        self,
        connection: asyncpg.Connection,
        made: Prepared,
        partner: Partner,
        command_id: UUID,
        generation_id: UUID | None,
        code: str | None,
    ) -> bool:
        """Write the command's row, one a ``ce_id``; return False for a repeat, which is answered already."""
        command = made.command
        row = (command_id, partner.id, command.ce_id, command.subject, command.fingerprint)
        if await connection.fetchval(_WRITE, *row, generation_id, code):
            return True
        found = await connection.fetchval(_ANSWERED, partner.id, command.ce_id)
        if found == command.fingerprint:
            return False
        reused = DomainError(
            "command_id_reused",
            "Another command had this ce_id; a command that is not a repeat needs its own.",
        )
        await connection.execute(_WRITE, *row, None, reused.code)
        await self._reject(connection, made, partner, command_id, reused)
        return False

    async def _accept(
        self, connection: asyncpg.Connection, made: Prepared, acceptance: Acceptance, command_id: UUID
    ) -> SharpstreamError | None:
        try:
            await accept_generation.accept(connection, acceptance, made.command.trace)
        except DomainError as error:
            if error.code == "quota_in_flight" and datetime.now(UTC) - made.record.timestamp < self._wait:
                raise NoRoomError(error.message) from error
            await connection.execute(_REJECT, command_id, error.code)
            return error
        return None

    async def _reject(
        self,
        connection: asyncpg.Connection,
        made: Prepared,
        partner: Partner,
        command_id: UUID,
        refusal: SharpstreamError,
    ) -> None:
        """Publish the reason, without text of the partner's, because the log is kept for ever."""
        event = CommandRejected(
            command_id=command_id,
            account_id=partner.account_id,
            code=refusal.code,
            message=storable(refusal.message)[:1000],
            partition=made.record.partition,
            offset=made.record.first if isinstance(made.record, UnreadableRecord) else made.record.offset,
        )
        record = outbox_record(topics.EVENTS, event, key=partner.account_id, trace=made.command.trace)
        await outbox.enqueue(connection, [record])
        metrics.REJECTED.labels(refusal.code).inc()

    async def _prepared_of(self, partner: Partner, request: GenerateRequest) -> Acceptance:
        self._preparer.check_receiver(request)
        caller = Principal(account_id=partner.account_id, role=partner.role)
        quota = await self._preparer.dependencies.quotas.of(caller.account_id, caller.role)
        await self._stored.require_room(caller.account_id, quota.stored_bytes)
        made = await self._preparer.prepare(caller, request)
        self._stored.add(caller.account_id, made.command.source.bytes)
        return made

    async def _partner(self, where: Any, topic: str) -> Partner | None:
        found = COMMANDS.fullmatch(topic)
        row = await where.fetchrow(_PARTNER, found[1]) if found else None
        return Partner(**row) if row else None

    async def _answered(self, partner: Partner, command: Command) -> bool:
        """Return whether its ``ce_id`` is used already, so that no photo need be stored."""
        return await self._pool.fetchval(_ANSWERED, partner.id, command.ce_id) is not None

    def _require_active(self, partner: Partner) -> None:
        if partner.state == "suspended":
            raise _suspended()

    def _id_of(self, record: RawRecord) -> UUID:
        position = (str(self._epoch), str(record.partition), str(record.offset))
        return ids.event_id(record.topic, "command", *position)


def _record_key(record: RawRecord) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset


def _suspended() -> PermanentError:
    return PermanentError(
        "The partner is suspended; its commands are rejected. Ask the operator of this service.",
        code="partner_suspended",
    )


def failed() -> PermanentError:
    """Return the refusal of a command whose handling failed on our side."""
    return PermanentError(
        "Something went wrong on our side; send the command again with a new ce_id.", code="internal"
    )
