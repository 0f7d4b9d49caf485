"""Reads the tags of a TIFF structure: a TIFF file, or the EXIF block of any other photo.

Every read is bounded by the data and by a number of tags. It never raises on invalid data: what cannot be
read
is absent. Source: TIFF 6.0, BigTIFF.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

MAX_TAGS: Final = 1_000
"""Tags of one directory; cameras write below 100."""
MAX_PAGES: Final = 64
"""Directories that are looked at in one file."""
MAX_VALUES: Final = 1_000_000
"""Values of one tag: strips of the tallest photo, a row each, are fewer."""
_SIZES: Final = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}
_CODES: Final = {
    1: "B",
    3: "H",
    4: "I",
    6: "b",
    8: "h",
    9: "i",
    11: "f",
    12: "d",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
}
_RATIONAL: Final = {5: "II", 10: "ii"}
_TEXT: Final = frozenset({2, 7})


@dataclass(frozen=True, slots=True)
class Entry:
    """Where the values of one tag lie: ``kind`` is TIFF's type, ``at`` the offset of the first value."""

    kind: int
    count: int
    at: int


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory (IFD): its tags, and the offset of the next one, 0 at the end."""

    reader: Tiff
    entries: dict[int, Entry]
    next: int
    at: int

    def __contains__(self, tag: int) -> bool:
        """Whether the tag is there."""
        return tag in self.entries

    def values(self, tag: int) -> tuple[Any, ...]:
        """Return the tag's numbers; rationals as (numerator, denominator). Empty where it cannot be read."""
        entry = self.entries.get(tag)
        return () if entry is None else self.reader.read(entry)

    def integers(self, tag: int) -> tuple[int, ...]:
        """Return the tag's numbers where they are integers; a file may state it as text or fractions."""
        found = self.values(tag)
        return found if all(isinstance(each, int) for each in found[:1]) else ()

    def number(self, tag: int, default: int = 0) -> int:
        """Return the tag's first number as an integer."""
        found = self.values(tag)
        return int(found[0]) if found and isinstance(found[0], int) else default

    def raw(self, tag: int) -> bytes:
        """Return the tag's bytes."""
        entry = self.entries.get(tag)
        return b"" if entry is None else self.reader.slice(entry)

    def text(self, tag: int) -> str:
        """Return the tag's text, without what follows its first NUL."""
        return self.raw(tag).split(b"\0")[0].decode("utf-8", "replace").strip()


@dataclass(frozen=True, slots=True)
class Tiff:
    """A TIFF structure: ``order`` is struct's sign of the byte order, ``first`` the first offset."""

    data: bytes
    order: str
    big: bool
    first: int

    @classmethod
    def open(cls, data: bytes) -> Tiff | None:
        """Return the structure; None where the data do not begin as one."""
        order = {b"II": "<", b"MM": ">"}.get(data[:2])
        if order is None or len(data) < 8:
            return None
        magic = struct.unpack_from(order + "H", data, 2)[0]
        if magic == 43 and len(data) >= 16:
            return cls(data, order, True, struct.unpack_from(order + "Q", data, 8)[0])
        return cls(data, order, False, struct.unpack_from(order + "I", data, 4)[0]) if magic == 42 else None

    def directory(self, at: int) -> Directory | None:
        """Return the directory at the offset; None where it is not within the data."""
        count_code, entry_size, head = ("Q", 20, 8) if self.big else ("H", 12, 2)
        if not 0 < at <= len(self.data) - head:
            return None
        (count,) = struct.unpack_from(self.order + count_code, self.data, at)
        entries: dict[int, Entry] = {}
        position = at + head
        for _ in range(min(count, MAX_TAGS)):
            if position + entry_size > len(self.data):
                return Directory(self, entries, 0, at)
            self._add(entries, position)
            position += entry_size
        following = at + head + count * entry_size
        width = 8 if self.big else 4
        after = 0
        if following + width <= len(self.data):
            (after,) = struct.unpack_from(self.order + ("Q" if self.big else "I"), self.data, following)
        return Directory(self, entries, after, at)

    def pages(self) -> Iterator[Directory]:
        """Yield the chain of directories from the first, each once."""
        seen: set[int] = set()
        at = self.first
        while at and at not in seen and len(seen) < MAX_PAGES:
            seen.add(at)
            page = self.directory(at)
            if page is None:
                return
            yield page
            at = page.next

    def read(self, entry: Entry) -> tuple[Any, ...]:
        """Return the values of an entry; empty where they are not within the data."""
        count = entry.count
        if entry.kind in _TEXT:
            return (self.slice(entry),)
        if not 0 < count <= MAX_VALUES or entry.at + count * _SIZES.get(entry.kind, 1) > len(self.data):
            return ()
        if code := _CODES.get(entry.kind):
            return struct.unpack_from(f"{self.order}{count}{code}", self.data, entry.at)
        if code := _RATIONAL.get(entry.kind):
            flat = struct.unpack_from(f"{self.order}{count * 2}{code[0]}", self.data, entry.at)
            return tuple(zip(flat[::2], flat[1::2], strict=True))
        return ()

    def slice(self, entry: Entry) -> bytes:
        """Return the bytes of an entry's values, as many as there are."""
        size = entry.count * _SIZES.get(entry.kind, 1)
        return self.data[entry.at : entry.at + size]

    def _add(self, entries: dict[int, Entry], position: int) -> None:
        code, inline, width = ("HHQ", 8, 12) if self.big else ("HHI", 4, 8)
        tag, kind, count = struct.unpack_from(self.order + code, self.data, position)
        size = _SIZES.get(kind, 1) * count
        at = position + width
        if size > inline:
            (at,) = struct.unpack_from(self.order + ("Q" if self.big else "I"), self.data, at)
        if kind in _SIZES and tag not in entries:
            entries[tag] = Entry(kind, count, at)
