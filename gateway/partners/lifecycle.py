"""Creates, changes and removes partners in Kafka so that a crash at any point is repaired.

The row is written first, with the desired state. Kafka is then reconciled in idempotent steps, and the row is
marked settled. A job in every gateway finishes what a request could not. A password exists only in Kafka, as
a hash, and in one response. A partner whose creation the job finished gets its first password by rotation.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from bus.contract.partners import Names
from bus.runtime.periodic import repeat
from gateway.errors import DomainError
from gateway.partners.grants import KafkaQuotas
from gateway.partners.kafka_admin import Cluster, KafkaRefusedError
from gateway.partners.repository import Held, PartnerRow, PartnerStore
from ledger.db.admin_acts import Act

_log = structlog.stdlib.get_logger(__name__)

LEASE_S: Final = 45.0
"""Longer than a successful request takes; after that the job takes over."""
POLL_INTERVAL_S: Final = 5.0
AGAIN_S: Final = 30.0
"""The wait after a failure."""
BATCH: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Opened:
    """A partner and its password, which is shown only once."""

    partner: PartnerRow
    password: str


class Lifecycle:
    """An admin's operations on partners. ``keep_s``: how long the topics of a deleted partner are kept."""

    def __init__(self, store: PartnerStore, cluster: Cluster, quotas: KafkaQuotas, *, keep_s: float) -> None:
        self._store, self._cluster, self._quotas, self._keep_s = store, cluster, quotas, keep_s

    async def create(self, account_id: UUID, slug: str, *, by: UUID) -> Opened:
        """Create a partner.

        Raises `DomainError`: slug_taken, partner_exists, not_found, temporarily_unavailable.
        """
        row = await self._store.add(account_id, slug, lease_s=LEASE_S, by=by)
        password = new_password()
        try:
            async with self._store.held(row.id) as held:
                if held.row.state != "creating":
                    raise DomainError(
                        "slug_taken", "The partner was finished meanwhile; rotate its credentials."
                    )
                await self._cluster.open(Names(slug), self._quotas, password=password)
                return Opened(partner=await held.set_state("active"), password=password)
        except KafkaRefusedError as error:
            raise _unfinished(error, "send the same request again for the credentials") from error

    async def rotate(self, partner_id: UUID, *, by: UUID) -> Opened:
        """Replace its password; the old one becomes invalid. Raises `DomainError`."""
        password = new_password()
        try:
            async with self._store.held(partner_id) as held:
                if held.row.deleted_at is not None:
                    raise DomainError("partner_state", "The partner is deleted.", state=held.row.state)
                await self._store.note(Act(action="rotate_partner", actor=by, target=partner_id))
                await self._cluster.set_password(Names(held.row.slug), password)
                return Opened(partner=held.row, password=password)
        except KafkaRefusedError as error:
            raise _unfinished(error, "rotate again: which password counts is not certain") from error

    async def suspend(self, partner_id: UUID, *, by: UUID) -> PartnerRow:
        """Revoke all its rights until `resume`; its topics stay. Raises `DomainError`."""
        act = Act(action="suspend_partner", actor=by, target=partner_id)
        return await self._turn(act, partner_id, "suspended", of=("creating", "active", "suspended"))

    async def resume(self, partner_id: UUID, *, by: UUID) -> PartnerRow:
        """Restore its rights. Raises `DomainError`."""
        act = Act(action="resume_partner", actor=by, target=partner_id)
        return await self._turn(act, partner_id, "active", of=("suspended", "active"))

    async def delete(self, partner_id: UUID, *, by: UUID) -> PartnerRow:
        """Remove it: user and rights now, topics after ``keep_s``. Raises `DomainError`."""
        act = Act(action="delete_partner", actor=by, target=partner_id)
        return await self._turn(act, partner_id, "deleting", of=("creating", "active", "suspended"))

    async def _turn(self, act: Act, partner_id: UUID, state: str, *, of: tuple[str, ...]) -> PartnerRow:
        row = await self._store.turn(partner_id, state, of=of, lease_s=LEASE_S, act=act)
        try:
            return await self._bring_in_line(partner_id)
        except KafkaRefusedError as error:  # the row is written; the job will reconcile Kafka
            _log.warning(
                "partner_change_pending", partner_id=str(partner_id), state=state, error=error.message
            )
            return row

    async def run(self) -> None:
        """Reconcile Kafka with the rows, until cancelled."""
        await repeat("partners", self.work, every_s=POLL_INTERVAL_S, spread=0.2, at_once=True)

    async def work(self) -> None:
        """Reconcile the partners that are due now."""
        for partner_id in await self._store.due(BATCH):
            try:
                row = await self._bring_in_line(partner_id)
                _log.info("partner_brought_in_line", partner_id=str(partner_id), state=row.state)
            except Exception as error:  # noqa: BLE001  (one partner must not stop another)
                _log.warning("partner_change_pending", partner_id=str(partner_id), error=repr(error))
                await self._store.later(partner_id, AGAIN_S)

    async def _bring_in_line(self, partner_id: UUID) -> PartnerRow:
        async with self._store.held(partner_id) as held:
            if held.row.settled:
                return held.row
            return await self._reconcile(held, Names(held.row.slug))

    async def _reconcile(self, held: Held, names: Names) -> PartnerRow:
        match held.row.state:
            case "creating":  # the request that began it has ended, and its password is lost
                await self._cluster.open(names, self._quotas, password=new_password())
                return await held.set_state("active")
            case "active":
                await self._cluster.open(names, self._quotas, password=None)
                return await held.set_state("active")
            case "suspended":
                await self._cluster.close(names)
                return await held.set_state("suspended")
            case _:
                return await self._remove(held, names)

    async def _remove(self, held: Held, names: Names) -> PartnerRow:
        """Remove all but the topics, and those after ``keep_s``: a bridge may still write to one."""
        await self._cluster.remove(names)
        if not await held.gone_for(self._keep_s):
            return await held.set_state("deleting", settled=False, again_s=self._keep_s)
        await self._cluster.drop_topics(names)
        await held.forget_commands()
        return await held.set_state("deleted")


def new_password() -> str:
    """Return 192 random bits in the format of our secrets, which logs redact."""
    return f"ss_{secrets.token_hex(4)}_{secrets.token_hex(24)}"


def _unfinished(error: KafkaRefusedError, hint: str) -> DomainError:
    _log.warning("kafka_unavailable", error=error.message)
    return DomainError("temporarily_unavailable", f"Kafka does not answer as it should; {hint}.")
