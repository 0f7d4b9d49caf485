"""Sends due deliveries: claims as many as there are free slots, one task an attempt, results in batches.

Graceful shutdown claims no more and waits for deliveries in flight. A kill loses nothing: the claims expire,
and the receiver may get the same id again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import aiohttp
import asyncpg
import structlog

from bus.bridges.postgres_errors import PASSING
from bus.runtime import tasks, tracing
from bus.runtime.errors import ConfigurationError
from gateway.webhooks import attempt, metrics, schedule
from gateway.webhooks.account_secrets import AccountKeys
from gateway.webhooks.attempt import Outcome
from gateway.webhooks.disabling import give_up
from gateway.webhooks.queue import DeliveryJob, Queue, Result
from gateway.webhooks.receiver_concurrency import ReceiverConcurrency
from gateway.webhooks.secrets import Sealer, signature

log = structlog.stdlib.get_logger(__name__)

POLL_INTERVAL_S: Final = 0.5
"""Between claims without a wake-up, for retries that become due and deliveries requested by the API."""
MIN_INTERVAL_S: Final = 0.01
"""Between two claims, so that one statement fills several freed slots."""
WRITTEN_AT_ONCE: Final = 500
TROUBLE_S: Final = 1.0
DAY_S: Final = 86_400


@dataclass(frozen=True, kw_only=True, slots=True)
class SenderLimits:
    """Limits of concurrency and time, and when a failing endpoint is disabled."""

    total: int
    per_endpoint: int
    timeout_s: float
    lease_s: float
    disable_after_s: float


class Sender:
    """One worker. Any number of them, in any number of processes, share the table."""

    def __init__(
        self, pool: asyncpg.Pool, session: aiohttp.ClientSession, sealer: Sealer, limits: SenderLimits
    ) -> None:
        self._pool, self._session, self._sealer, self._limits = pool, session, sealer, limits
        self._queue = Queue(pool, lease_s=limits.lease_s)
        self._keys = AccountKeys(pool, sealer)
        self._concurrency = ReceiverConcurrency(total=limits.total, per_receiver=limits.per_endpoint)
        self._results: asyncio.Queue[Result] = asyncio.Queue()
        self._running: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stopping = False

    def wake(self) -> None:
        """Claim now, because there are new deliveries."""
        self._woken.set()

    def stop(self) -> None:
        """Claim no more; `run` returns once deliveries in flight have ended and been recorded."""
        self._stopping = True
        self._woken.set()

    async def run(self) -> None:
        """Send until stopped. Retries while the database is unavailable."""
        writing = asyncio.create_task(self._write(), name="webhook-results")
        try:
            while not self._stopping:
                self._woken.clear()
                begun = await self._begin()
                if self._concurrency.free > 0 and not begun:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._woken.wait(), POLL_INTERVAL_S)
                await asyncio.sleep(MIN_INTERVAL_S)
            if self._running:
                await asyncio.wait(self._running)
            await self._results.join()
        finally:
            await tasks.end([writing, *self._running])

    async def _begin(self) -> int:
        """Claim and start deliveries up to the free slots; return how many."""
        if self._concurrency.free <= 0:
            return 0
        try:
            jobs = await self._queue.claim(self._concurrency)
        except PASSING as error:
            log.warning("claim_failed", error=repr(error))
            await asyncio.sleep(TROUBLE_S)
            return 0
        if self._stopping:
            with suppress(*PASSING):
                await self._queue.give_back(jobs)
            return 0
        for job in jobs:
            self._concurrency.begin(job.lane)
            task = asyncio.create_task(self._send(job))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        metrics.IN_FLIGHT.set(self._concurrency.busy)
        return len(jobs)

    async def _send(self, job: DeliveryJob) -> None:
        outcome = None
        try:
            outcome = await self._attempt(job)
            self._results.put_nowait(self._result(job, outcome))
        except Exception as error:  # the claim expires; other deliveries continue
            log.error("webhook_attempt_broken", delivery_id=str(job.id), exc_info=error)
        finally:
            self._concurrency.end(job.lane, answered=outcome is not None and outcome.answered)
            self._woken.set()  # a slot is free again

    async def _attempt(self, job: DeliveryJob) -> Outcome:
        try:
            keys = await self._secrets(job)
        except ConfigurationError as error:
            log.error("webhook_secret_unreadable", delivery_id=str(job.id), error=error.message)
            return Outcome(name="sealed", error="The secret cannot be read; rotate it.")
        with tracing.span(
            "deliver webhook",
            job.traceparent,
            kind=tracing.CLIENT,
            delivery_id=job.id,
            endpoint_id=job.endpoint_id,
            attempt=job.attempts + 1,
        ) as span:
            headers = signed(replace(job, traceparent=span.traceparent), keys, datetime.now(UTC))
            outcome = await attempt.post(
                self._session, job.url, job.body.encode(), headers, timeout_s=self._limits.timeout_s
            )
            span.set(status=outcome.status)
            if not outcome.delivered:
                span.fail(outcome.name)
        metrics.ATTEMPTS.labels(outcome.name).inc()
        metrics.SECONDS.observe(outcome.seconds)
        if not job.attempts:
            metrics.LATENCY.observe(max(0.0, (datetime.now(UTC) - job.created_at).total_seconds()))
        return outcome

    async def _secrets(self, job: DeliveryJob) -> list[str]:
        """Return the signing secrets, the current one first."""
        owner = job.endpoint_id or job.account_id
        if job.secret is None:
            return [(await self._keys.get(job.account_id)).secret]
        sealed = [job.secret, *([job.previous_secret] if job.previous_secret else [])]
        return [self._sealer.open(each, owner) for each in sealed]

    def _result(self, job: DeliveryJob, outcome: Outcome) -> Result:
        if outcome.delivered:
            return Result(job=job, outcome=outcome, state="delivered")
        wait = None if outcome.gone else schedule.wait_s(job.attempts + 1, outcome.retry_after_s)
        if wait is None:
            metrics.GIVEN_UP.inc()
            return Result(job=job, outcome=outcome, state="failed")
        return Result(job=job, outcome=outcome, state="pending", wait_s=wait)

    async def _write(self) -> None:
        """Write results as they arrive, in batches of up to `WRITTEN_AT_ONCE`."""
        while True:
            batch = [await self._results.get()]
            while len(batch) < WRITTEN_AT_ONCE and not self._results.empty():
                batch.append(self._results.get_nowait())
            await self._record_results(batch)
            for _ in batch:
                self._results.task_done()

    async def _record_results(self, batch: list[Result]) -> None:
        """Write one batch, retrying while the database is unavailable; leases prevent repeats."""
        while True:
            try:
                written = await self._queue.record_results(batch)
                metrics.STALE.inc(len(batch) - written)
                await self._give_up(batch)
            except PASSING as error:
                log.warning("results_wait", count=len(batch), error=repr(error))
                await asyncio.sleep(TROUBLE_S)
            except Exception as error:
                # Their claims expire, and the receivers get the same ids again; other results go on.
                log.error("results_not_written", count=len(batch), exc_info=error)
                return
            else:
                return

    async def _give_up(self, batch: list[Result]) -> None:
        for endpoint in {r.job.endpoint_id for r in batch if r.outcome.gone and r.job.endpoint_id}:
            await give_up(self._pool, endpoint, reason="gone")
        failed = {r.job.endpoint_id for r in batch if not r.outcome.delivered and r.job.endpoint_id}
        if failed:
            for endpoint in await self._queue.failing_longer_than(list(failed), self._limits.disable_after_s):
                await give_up(self._pool, endpoint, reason="failing")


def signed(job: DeliveryJob, keys: list[str], now: datetime) -> Mapping[str, str]:
    """Return the headers of an attempt: Standard Webhooks, and the ids that correlate it with the request."""
    event_id = str(job.event_id)
    headers = {
        "content-type": "application/json",
        "user-agent": attempt.AGENT,
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signature(keys, event_id=event_id, at=now, body=job.body),
    }
    if job.correlation_id:
        headers["x-correlation-id"] = job.correlation_id
    if job.traceparent:
        headers["traceparent"] = job.traceparent
    return headers
