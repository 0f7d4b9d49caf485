"""An archive that is made while it is sent: as long as it says, whole for every reader, never in memory.

| class | members |
|---|---|
| names | ASCII, letters of other scripts |
| sizes | nothing, many pieces, beyond 32 bits (with a small limit in its stead) |
| faults | a file shorter or longer than said |
"""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime

import pytest

from gateway.http import stored_zip
from gateway.http.stored_zip import Member

AT = datetime(2026, 3, 1, 12, 30, 10, tzinfo=UTC)


def member(name: str, *pieces: bytes, size: int | None = None) -> Member:
    async def content():
        for piece in pieces:
            yield piece

    return Member(
        name=name, size=len(b"".join(pieces)) if size is None else size, made_at=AT, content=content
    )


async def whole(*members: Member) -> bytes:
    return b"".join([piece async for piece in stored_zip.stream(members)])


FILES = {"kitchen.ply": [b"a" * 600, b"b" * 400], "küche 照片.spz": [b"c" * 500], "empty.ply": []}


@pytest.mark.parametrize("limit", [zipfile.ZIP64_LIMIT, 1100])
async def test_an_archive_is_as_long_as_it_says_and_whole(monkeypatch, limit) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", limit)
    members = [member(name, *pieces) for name, pieces in FILES.items()]
    made = await whole(*members)
    assert len(made) == stored_zip.length(members)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.testzip() is None
        assert {each: archive.read(each) for each in archive.namelist()} == {
            name: b"".join(pieces) for name, pieces in FILES.items()
        }
        assert archive.infolist()[0].date_time == (2026, 3, 1, 12, 30, 10)


async def test_each_piece_is_passed_on_before_the_next_is_asked_for() -> None:
    held = 0

    async def content():
        nonlocal held
        for _ in range(50):
            held += 1
            yield bytes(1000)

    only = Member(name="a", size=50_000, made_at=AT, content=content)
    taken = [(held, len(piece)) async for piece in stored_zip.stream([only])]
    assert [count for count, _ in taken[:50]] == list(range(1, 51))
    assert max(size for _, size in taken) < 1100


@pytest.mark.parametrize("size", [2, 4])
async def test_a_file_of_another_length_breaks_it_off(size) -> None:
    with pytest.raises(ValueError, match="not"):
        await whole(member("a", b"abc", size=size))
