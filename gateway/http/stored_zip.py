"""A zip archive without compression that is made while it is sent: its files are compressed already.

Neither the archive nor a file is ever whole in memory. The sizes of its files say how long it will be, to the
byte, so that a client sees how far it is and whether it was cut.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

MEDIA_TYPE: Final = "application/zip"
_LOCAL: Final = 30
_CENTRAL: Final = 46
_DESCRIPTOR: Final = 16
"""What follows the bytes of a file: its sum and sizes, which nobody knew when its head was sent."""
_END: Final = 22
_FAR: Final = 12
"""Added for a file that begins beyond the reach of 32 bits, which zipfile takes for 2 GiB."""
_FAR_END: Final = 56 + 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """A file of the archive: its name there, its exact size, and what opens its bytes."""

    name: str
    size: int
    made_at: datetime
    content: Callable[[], AsyncIterator[bytes]]


class _Pipe(io.RawIOBase):
    """What zipfile writes into; it cannot be rewound, and `taken` empties it."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def length(members: Sequence[Member]) -> int:
    """Return how many bytes the archive has."""
    at = central = 0
    for member in members:
        name = len(member.name.encode())
        central += _CENTRAL + name + (_FAR if at > zipfile.ZIP64_LIMIT else 0)
        at += _LOCAL + name + member.size + _DESCRIPTOR
    return at + central + _END + (_FAR_END if at > zipfile.ZIP64_LIMIT else 0)


async def stream(members: Sequence[Member]) -> AsyncIterator[bytes]:
    """Yield the archive. Raises `ValueError` where a file is not as long as was said."""
    pipe = _Pipe()
    archive = zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED)
    try:
        async for piece in _pieces(archive, pipe, members):
            yield piece
    finally:
        archive.fp = None  # one that was broken off gets no end


async def _pieces(archive: zipfile.ZipFile, pipe: _Pipe, members: Sequence[Member]) -> AsyncIterator[bytes]:
    for member in members:
        info = zipfile.ZipInfo(member.name, member.made_at.timetuple()[:6])
        sent = 0
        with archive.open(info, "w") as entry:
            async for piece in member.content():
                sent += len(piece)
                entry.write(piece)
                yield pipe.taken()
        if sent != member.size:
            raise ValueError(f"a file of the archive has {sent} bytes, not {member.size}")
        yield pipe.taken()
    archive.close()
    yield pipe.taken()
