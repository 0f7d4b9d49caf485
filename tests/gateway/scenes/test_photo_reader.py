"""Photos are read in confined workers: the same verdicts as here, and bombs cost their sender alone.

| class | members | source |
|---|---|---|
| memory | an animated WebP whose canvas is patched to 9999 x 9999 (146 bytes) | the patched header |
| time | a progressive JPEG whose last scan comes 42 times; stopped workers | a scan of 53 bytes walks it |
| decoder | a worker that dies once, and one that dies each time | a fake pool |
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest

from bus.sandbox import pool as pools
from bus.sandbox.pool import Pool, Result
from gateway.errors import DomainError
from gateway.scenes.photo_reader import PhotoReader
from photo import reader as local
from photo.reader import Facts
from photo.workers import CONFINEMENT, TASKS
from tests.gateway.pictures import encoded
from tests.photo.bombs import huge_canvas, many_scans

ALICE, MALLORY = uuid4(), uuid4()


@pytest.fixture(scope="module")
def workers() -> Iterator[Pool]:
    made = Pool(TASKS, CONFINEMENT, each=2, deadline_s=1.5)
    yield made
    made.kill()


@pytest.fixture
def reader(workers: Pool) -> PhotoReader:
    return PhotoReader(workers)


async def read(reader: PhotoReader, data: bytes, account: Any = ALICE) -> Facts:
    early: list[Facts] = []
    facts = await reader.check(data, account, early.append)
    assert early == [facts]
    return facts


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "HEIF"])
async def test_a_worker_reads_as_this_process_does(reader: PhotoReader, kind: str) -> None:
    local.prepare()
    data = encoded(kind)
    assert await read(reader, data) == local.inspect(data)
    with pytest.raises(DomainError) as found:
        await read(reader, data[: len(data) // 2])
    assert found.value.code == "photo_truncated"


async def test_errors_keep_their_details(reader: PhotoReader) -> None:
    with pytest.raises(DomainError) as found:
        await read(reader, encoded("PNG", size=(8, 8)))
    assert (found.value.code, found.value.details["width"]) == ("photo_too_small", 8)


async def test_a_photo_that_needs_gigabytes_is_refused(reader: PhotoReader) -> None:
    with pytest.raises(DomainError) as found:
        await read(reader, huge_canvas())
    assert found.value.code == "unsupported_media_type"  # by its container alone


async def test_a_photo_that_takes_long_is_refused() -> None:
    """The limit is shortened: what a JPEG may hold is read within seconds."""
    async with pools.opened(Pool(TASKS, CONFINEMENT, each=1, deadline_s=0.1)) as workers:
        with pytest.raises(DomainError) as found:
            await read(PhotoReader(workers), many_scans())
    assert found.value.code == "photo_too_complex"


async def test_more_scans_than_a_photo_has_are_refused_by_their_number(reader: PhotoReader) -> None:
    with pytest.raises(DomainError) as found:
        await read(reader, many_scans(90))
    assert found.value.code == "unsupported_media_type"


async def test_photos_of_one_account_never_hold_up_another() -> None:
    """Their workers are stopped, so that they take for ever on any machine."""
    workers = Pool(TASKS, CONFINEMENT, each=2, deadline_s=600)
    reader = PhotoReader(workers)
    endless = [asyncio.ensure_future(read(reader, encoded("JPEG"), MALLORY)) for _ in range(3)]
    try:
        while len(workers.pids) < 2:  # noqa: ASYNC110  (other processes)
            await asyncio.sleep(0)
        for pid in workers.pids:
            os.kill(pid, signal.SIGSTOP)
        for _ in range(3):
            assert (await read(reader, encoded("JPEG"))).media_type == "image/jpeg"
        assert not any(each.done() for each in endless)
    finally:
        await workers.close()
    ended = await asyncio.gather(*endless, return_exceptions=True)
    assert [type(each) for each in ended] == [DomainError] * 3


class Failing:
    """A pool whose calls raise these errors in turn, then succeed."""

    def __init__(self, *raised: Exception) -> None:
        self.raised = list(raised)

    async def call(self, *_: object, **__: object) -> Result[None]:
        if self.raised:
            raise self.raised.pop(0)
        return Result(None, memoryview(b""))


def died() -> Exception:
    return pools.WorkerDiedError("It died.")


def failed(code: str) -> Callable[[], Exception]:
    return lambda: pools.TaskFailedError("It says so.", code=code)


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ([died], None),  # the machine ran out of memory once, for whatever reason
        ([died, died], "photo_unreadable"),
        ([lambda: pools.TaskRaisedError("It raised KeyError.")], "photo_unreadable"),
        ([lambda: pools.DeadlineError("It took long.")], "photo_too_complex"),
        ([lambda: pools.MemoryLimitError("It is large.")], "photo_too_complex"),
        ([failed("photo_too_small")], "photo_too_small"),
        ([failed("drop_tables")], "photo_unreadable"),  # a worker that was taken over
    ],
)
async def test_every_end_of_a_worker_has_a_code(
    raised: list[Callable[[], Exception]], code: str | None
) -> None:
    reader = PhotoReader(Failing(*(each() for each in raised)))  # type: ignore[arg-type]
    if code is None:
        await reader.check(b"photo", ALICE)
        return
    with pytest.raises(DomainError) as found:
        await reader.check(b"photo", ALICE)
    assert found.value.code == code
