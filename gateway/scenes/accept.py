"""Accepts a request over HTTP: checks and stores the photo, then runs one statement; 202 follows both.

A failure after the photo was stored deletes it, if the store can be reached and certainly no job was written;
a sweep removes the rest.
"""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg

from bus.bridges.postgres_errors import rolled_back
from gateway.accounts.principal import Principal
from gateway.metrics import Metrics
from gateway.scenes import accept_generation
from gateway.scenes.generate_request import GenerateRequest
from gateway.scenes.idempotency import Claim, Idempotency
from gateway.scenes.photo_source import Charge, uncharged
from gateway.scenes.prepare import Preparer
from gateway.scenes.stored_bytes import StoredBytes
from gateway.trace import Trace


class Acceptor:
    """Turns a `GenerateRequest` into a row of ``scene_generations``, once for each Idempotency-Key."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        preparer: Preparer,
        idempotency: Idempotency,
        metrics: Metrics,
        stored: StoredBytes,
    ) -> None:
        self._pool = pool
        self.preparer = preparer
        self._idempotency = idempotency
        self._metrics = metrics
        self._stored = stored

    async def accept(
        self, caller: Principal, request: GenerateRequest, trace: Trace, charge: Charge = uncharged
    ) -> UUID:
        """Accept the photo and return the generation's id; a repeated request gets the first one's.

        ``charge`` is called with the bytes of a photo that is fetched. Raises `DomainError`.
        """
        self.preparer.check_receiver(request)
        key = request.idempotency_key
        print_ = await request.fingerprint() if key else b""
        async with self._idempotency.claimed(caller.account_id, key, print_) as claim:
            if claim is not None and claim.done is not None:
                return claim.done
            return await self._prepare_and_accept(caller, request, claim, trace, charge)

    async def _prepare_and_accept(
        self,
        caller: Principal,
        request: GenerateRequest,
        claim: Claim | None,
        trace: Trace,
        charge: Charge,
    ) -> UUID:
        quota = await self.preparer.dependencies.quotas.of(caller.account_id, caller.role)
        await self._stored.require_room(caller.account_id, quota.stored_bytes)
        acceptance = await self.preparer.prepare(caller, request, claim, charge)
        source = acceptance.command.source
        try:
            priority = await accept_generation.accept(self._pool, acceptance, trace)
        except BaseException as error:
            if rolled_back(error):
                await asyncio.shield(self.preparer.take_back(source.key))
            raise
        self._metrics.accepted.labels(priority.value).inc()
        self._metrics.photo_bytes.inc(source.bytes)
        self._stored.add(caller.account_id, source.bytes)
        return acceptance.command.generation_id
