"""Supervises all open streams: heartbeats, maximum age, and re-authorisation.

One task for the process, so that thousands of streams need no timer. Must not write to a client itself.
"""

from __future__ import annotations

import asyncio
from typing import Final

import asyncpg
import structlog

from gateway.streaming.hub import Hub
from gateway.streaming.subscriber import Reader

RECHECK_S: Final = 10.0
"""The streams of a revoked key or a closed account end within this, as long as Postgres answers."""
_log = structlog.stdlib.get_logger(__name__)
_ALLOWED: Final = """
SELECT ARRAY(SELECT id FROM users WHERE id = ANY($1::uuid[]) AND is_active) AS accounts,
       ARRAY(SELECT id FROM api_keys WHERE id = ANY($2::uuid[]) AND status = 'active'
             AND (expires_at IS NULL OR expires_at > now())) AS keys"""


class StreamSupervisor:
    """A comment is sent after ``heartbeat_s`` of silence; a stream ends after ``longest_s``.

    Its client reconnects by itself: with fresh credentials, and perhaps to a gateway with more free slots. A
    user's stream ends after ``signed_in_s``, so it cannot outlive its access token by more than that.
    """

    def __init__(
        self,
        hub: Hub,
        pool: asyncpg.Pool,
        *,
        heartbeat_s: float,
        longest_s: float,
        signed_in_s: float,
        recheck_s: float = RECHECK_S,
    ) -> None:
        self._hub, self._pool = hub, pool
        self._heartbeat_s, self._recheck_s = heartbeat_s, recheck_s
        self._longest_s, self._signed_in_s = longest_s, min(longest_s, signed_in_s)

    async def run(self) -> None:
        """Check until cancelled."""
        loop = asyncio.get_running_loop()
        checked = loop.time()
        while True:
            await asyncio.sleep(min(1.0, self._heartbeat_s / 4))
            try:
                self.check(loop.time())
            except Exception:  # noqa: BLE001  (the next round may succeed)
                _log.exception("streams_not_checked")
            if loop.time() - checked >= self._recheck_s:
                await self.recheck()
                checked = loop.time()

    def check(self, now: float) -> None:
        """Wake the readers that have been silent, end those that have reached their maximum age."""
        for reader in self._hub.all():
            longest_s = self._longest_s if reader.wanted.api_key_id else self._signed_in_s
            if now - reader.opened > longest_s * reader.max_age_jitter:
                reader.end()
            elif now - reader.spoke >= self._heartbeat_s:
                reader.silent = True
                self._hub.wake(reader)

    async def recheck(self) -> None:
        """End the streams whose account or key is no longer valid."""
        readers = self._hub.all()
        if not readers:
            return
        accounts = {reader.wanted.account_id for reader in readers}
        keys = {reader.wanted.api_key_id for reader in readers if reader.wanted.api_key_id}
        try:
            row = await self._pool.fetchrow(_ALLOWED, list(accounts), list(keys), timeout=self._recheck_s)
        except Exception as error:  # noqa: BLE001  (whatever failed, the next round may succeed)
            _log.warning("streams_not_rechecked", error=repr(error))
            return
        allowed = {*row["accounts"], *row["keys"], None}
        ended = [reader for reader in readers if not _good(reader, allowed)]
        for reader in ended:
            reader.end()
        if ended:
            _log.info("streams_revoked", count=len(ended))


def _good(reader: Reader, allowed: set[object]) -> bool:
    return reader.wanted.account_id in allowed and reader.wanted.api_key_id in allowed
