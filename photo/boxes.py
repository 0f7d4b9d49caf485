"""The boxes of an ISO base media file (HEIF, AVIF), bounded. Sources: ISO/IEC 14496-12, 23008-12."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

MAX_BOXES: Final = 10_000
"""Boxes of one level, items, or properties; the largest grids of phones have 100 tiles."""


class Box(NamedTuple):
    """A box: four letters, and its body from ``start`` to ``end``; ``whole``: all of it is there."""

    name: bytes
    start: int
    end: int
    whole: bool


class Cursor:
    """Reads big-endian numbers one after another; beyond the end it raises `struct.error`."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at

    def take(self, size: int) -> int:
        """Return the next number of ``size`` bytes; 0 of none."""
        end = self.at + size
        if end > len(self.data):
            raise struct.error("the box ends too early")
        value = int.from_bytes(self.data[self.at : end], "big")
        self.at = end
        return value

    def name(self) -> bytes:
        """Return the next four bytes."""
        self.at += 4
        return self.data[self.at - 4 : self.at]


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes between two offsets, at most `MAX_BOXES`."""
    position = start
    for _ in range(MAX_BOXES):
        if position + 8 > end:
            return
        size, name = struct.unpack_from(">I4s", data, position)
        head = 8
        if size == 1:
            if position + 16 > end:
                return
            (size,) = struct.unpack_from(">Q", data, position + 8)
            head = 16
        elif size == 0:
            size = end - position
        if size < head:
            return
        stop = position + size
        yield Box(name, position + head, min(stop, end), stop <= end)
        position = stop


@dataclass(slots=True)
class Items:
    """The ``meta`` box: items by id, their types, extents (start, length), properties and references."""

    primary: int | None = None
    types: dict[int, bytes] = field(default_factory=dict)
    mimes: dict[int, bytes] = field(default_factory=dict)
    extents: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    inside: set[int] = field(default_factory=set)
    """Items whose extents count from ``idat``."""
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    associations: dict[int, list[int]] = field(default_factory=dict)
    references: dict[tuple[bytes, int], list[int]] = field(default_factory=dict)
    idat: int = 0

    def of(self, item: int) -> list[tuple[bytes, bytes]]:
        """Return the properties of an item in their order, as (name, body)."""
        known = len(self.properties)
        return [self.properties[index - 1] for index in self.associations.get(item, []) if 0 < index <= known]

    def content(self, data: bytes, item: int, most: int) -> bytes:
        """Return up to ``most`` bytes of an item."""
        base = self.idat if item in self.inside else 0
        found = b""
        for start, length in self.extents.get(item, []):
            found += data[base + start : base + start + min(length, most - len(found))]
        return found

    def end(self, item: int) -> int:
        """Return the offset in the file at which an item ends."""
        base = self.idat if item in self.inside else 0
        return max((base + start + length for start, length in self.extents.get(item, [])), default=0)


def items(data: bytes, meta: Box) -> Items:
    """Read a ``meta`` box. Raises `struct.error` where it contradicts itself."""
    found = Items()
    for box in boxes(data, meta.start + 4, meta.end):
        body = data[box.start : box.end]
        match box.name:
            case b"pitm":
                found.primary = Cursor(body, 4).take(4 if body[0] else 2)
            case b"iinf":
                _types(found, data, box)
            case b"iloc":
                _extents(found, body)
            case b"iref":
                _references(found, data, box)
            case b"iprp":
                _properties(found, data, box)
            case b"idat":
                found.idat = box.start
    return found


def _types(found: Items, data: bytes, box: Box) -> None:
    head = 6 if data[box.start : box.start + 1] == b"\0" else 8
    for entry in boxes(data, box.start + head, box.end):
        body = data[entry.start : entry.end]
        if entry.name != b"infe" or not body or body[0] < 2:
            continue
        cursor = Cursor(body, 4)
        item = cursor.take(2 if body[0] == 2 else 4)
        cursor.take(2)
        found.types[item] = kind = cursor.name()
        if kind == b"mime":
            _, _, rest = body[cursor.at :].partition(b"\0")
            found.mimes[item] = rest.partition(b"\0")[0]


def _extents(found: Items, body: bytes) -> None:
    version, cursor = body[0], Cursor(body, 4)
    sizes = cursor.take(2)
    offset_size, length_size, base_size = sizes >> 12, (sizes >> 8) & 15, (sizes >> 4) & 15
    index_size = sizes & 15 if version else 0
    for _ in range(min(cursor.take(4 if version == 2 else 2), MAX_BOXES)):
        item = cursor.take(4 if version == 2 else 2)
        method = cursor.take(2) & 15 if version else 0
        cursor.take(2)
        base = cursor.take(base_size)
        extents = []
        for _ in range(min(cursor.take(2), MAX_BOXES)):
            cursor.take(index_size)
            start = base + cursor.take(offset_size)
            extents.append((start, cursor.take(length_size)))
        found.extents[item] = extents
        if method == 1:
            found.inside.add(item)


def _references(found: Items, data: bytes, box: Box) -> None:
    size = 4 if data[box.start : box.start + 1] == b"\1" else 2
    for entry in boxes(data, box.start + 4, box.end):
        cursor = Cursor(data[entry.start : entry.end])
        source = cursor.take(size)
        found.references[entry.name, source] = [
            cursor.take(size) for _ in range(min(cursor.take(2), MAX_BOXES))
        ]


def _properties(found: Items, data: bytes, box: Box) -> None:
    for entry in boxes(data, box.start, box.end):
        if entry.name == b"ipco":
            found.properties = [
                (each.name, data[each.start : each.end]) for each in boxes(data, entry.start, entry.end)
            ]
        elif entry.name == b"ipma":
            _associations(found, data[entry.start : entry.end])


def _associations(found: Items, body: bytes) -> None:
    wide, cursor = bool(body[3] & 1), Cursor(body, 4)
    for _ in range(min(cursor.take(4), MAX_BOXES)):
        item = cursor.take(4 if body[0] else 2)
        mask = 0x7FFF if wide else 0x7F
        indices = [cursor.take(2 if wide else 1) & mask for _ in range(cursor.take(1))]
        found.associations.setdefault(item, []).extend(indices)
