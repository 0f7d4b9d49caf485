"""Orders exports, one by one or of several scenes at once, within the account's quotas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from bus.contract import options as export_options
from bus.contract.formats import FORMATS, canonical
from bus.contract.ids import new_id
from bus.contract.messages import ExportScene
from gateway.accounts.principal import Principal
from gateway.accounts.quotas import Quotas
from gateway.accounts.rate_limits import RateLimits
from gateway.errors import DomainError
from gateway.scenes.export_limits import exports_policy
from gateway.scenes.exports import ExportStore
from gateway.scenes.repository import Scenes, splat_of
from gateway.scenes.stored_bytes import StoredBytes
from gateway.trace import Trace


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A format and its options, valid and without those that equal their defaults."""

    format: str
    options: Mapping[str, bool | int | float | str]

    @classmethod
    def of(cls, name: str, options: export_options.Options) -> Wanted:
        """Check what a caller sent. Raises `DomainError` format_unknown, validation_failed."""
        known = canonical(name)
        if known is None:
            raise DomainError(
                "format_unknown",
                f"There is no such format; there are: {', '.join(FORMATS)}.",
                formats=FORMATS,
            )
        try:
            export_options.read(known, options)
        except export_options.OptionsError as error:
            field = {"field": f"options.{error.details['option']}", "message": error.message}
            raise DomainError("validation_failed", error.message, fields=[field]) from error
        return cls(format=known, options=export_options.without_defaults(known, options))


@dataclass(frozen=True, kw_only=True, slots=True)
class Ordered:
    """An accepted export, or the same one that was accepted before (``repeated``)."""

    id: UUID
    status: str
    repeated: bool


class ExportOrders:
    """Accepts exports of completed scenes."""

    def __init__(
        self, scenes: Scenes, exports: ExportStore, quotas: Quotas, stored: StoredBytes, limits: RateLimits
    ) -> None:
        self._scenes, self._exports = scenes, exports
        self._quotas, self._stored, self._limits = quotas, stored, limits

    async def order(self, caller: Principal, generation_id: UUID, wanted: Wanted, trace: Trace) -> Ordered:
        """Accept the export, or return the first same one that has not failed.

        Raises `DomainError`: not_found, scene_unfinished, result_erased, quota_exports, storage_exhausted,
        rate_limited.
        """
        account_id = caller.account_id
        scene = await self._scenes.get(account_id, generation_id)
        if scene is None:
            raise DomainError("not_found", "You have no scene with this id.")
        if (known := await self.ordered(account_id, generation_id, wanted)) is not None:
            return known
        command = ExportScene(
            export_id=new_id(),
            generation_id=generation_id,
            account_id=account_id,
            source=splat_of(scene),
            format=wanted.format,
            requested_at=datetime.now(UTC),
            options=dict(wanted.options),
        )
        quota = await self._quotas.of(account_id, caller.role)
        await self._stored.require_room(account_id, quota.stored_bytes)
        await self._limits.require(
            exports_policy(quota),
            str(account_id),
            f"The account may begin {quota.exports_per_minute} exports a minute",
        )
        made = await self._exports.accept(
            command,
            most_in_flight=quota.max_exports_in_flight,
            api_key_id=caller.api_key_id,
            trace=trace,
        )
        if made is not None:
            return Ordered(id=made.id, status=made.status, repeated=True)
        return Ordered(id=command.export_id, status="pending", repeated=False)

    async def ordered(self, account_id: UUID, generation_id: UUID, wanted: Wanted) -> Ordered | None:
        """Return the same export of the account where it was accepted before and has not failed."""
        made = await self._exports.same(account_id, generation_id, wanted.format, wanted.options)
        return None if made is None else Ordered(id=made.id, status=made.status, repeated=True)
