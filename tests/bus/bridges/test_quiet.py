"""Records of a reader gather for longer while it waits for nothing, which is asked once a second at most."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from bus.bridges import quiet
from bus.bridges.quiet import Quiet

BUSY_S, QUIET_S = 0.05, 1.0


class Answers:
    """A pool whose query has these answers, or errors, in turn."""

    def __init__(self, *answers: bool | Exception) -> None:
        self.left = list(answers)

    async def fetchval(self, _: str) -> bool:
        found = self.left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


def of(*answers: bool | Exception) -> tuple[Quiet, Answers]:
    pool = Answers(*answers)
    return Quiet(pool, "SELECT", busy_s=BUSY_S, quiet_s=QUIET_S), pool  # type: ignore[arg-type]


async def test_it_is_busy_until_it_is_known_to_be_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "ASK_S", 0.0)
    found, _ = of(False, True, False)
    seen = [found.gather_s()]
    for _ in range(3):
        await found.ask()
        seen.append(found.gather_s())
    assert seen == [BUSY_S, QUIET_S, BUSY_S, QUIET_S]


async def test_it_is_asked_once_however_many_records_come() -> None:
    found, pool = of(False, True)
    await asyncio.gather(*(found.ask() for _ in range(50)))
    assert (len(pool.left), found.gather_s()) == (1, QUIET_S)


async def test_without_postgres_it_is_busy_and_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quiet, "ASK_S", 0.0)
    found, _ = of(False, asyncpg.ConnectionDoesNotExistError("away"), False)
    seen = []
    for _ in range(3):
        await found.ask()
        seen.append(found.gather_s())
    assert seen == [QUIET_S, BUSY_S, QUIET_S]
