"""Which scenes a list shows, and in which order: the filters, the sort keys, and the cursors of each order.

A cursor holds the sort key and the id of the last scene shown, so that a page needs no earlier one, and a
scene that is added or deleted shifts nothing.
"""

from __future__ import annotations

import base64
import struct
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeAlias
from uuid import UUID

from piccolo.querystring import QueryString

from gateway.errors import DomainError
from gateway.http import paging
from ledger.db.tables.scenes import SceneGeneration

LONGEST_CURSOR: Final = 1024
"""A name of 120 characters has up to 480 bytes, which are 640 letters of a cursor."""
_PATH: Final = ["client", "name"]
_NAME: Final = QueryString(
    "coalesce({} ->> 'name', CASE WHEN jsonb_typeof({} #> {}::text[]) = 'string' THEN {} #>> {}::text[] END)",
    *(SceneGeneration.metadata, SceneGeneration.metadata, _PATH, SceneGeneration.metadata, _PATH),
)
"""The name that the owner gave, or else the one in the request's own metadata where that is text."""
_FOLDED: Final = "translate(normalize(lower(normalize({}, NFC)), NFC), '_-', '  ')"
"""Names of earlier releases are in the form in which they were sent: Unicode has several for one letter.
Cameras write IMG_12-a where people type "img 12 a"."""
_NAME_KEY: Final = QueryString(f"left({_FOLDED}, 120)", QueryString("coalesce({}, '')", _NAME))
_SIZE_KEY: Final = QueryString(
    "CASE WHEN {} IS NULL THEN coalesce(({} ->> 'bytes')::bigint, ({} #>> {}::text[])::bigint, 0) ELSE 0 END",
    SceneGeneration.result_erased_at,
    SceneGeneration.result_blob,
    SceneGeneration.metadata,
    ["result", "bytes"],
)


class Sort(StrEnum):
    """The orders of a list; scenes without a splat are the smallest, those without a name come first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    NAME = "name"
    LARGEST = "largest"


Key: TypeAlias = datetime | str | int
"""What a list is sorted by: when the scene was made, its folded name, or the bytes of its splat."""
_ASCENDING: Final = frozenset({Sort.OLDEST, Sort.NAME})
_KEYS: Final = {Sort.NAME: _NAME_KEY, Sort.LARGEST: _SIZE_KEY}
_NUMBER: Final = struct.Struct(">q16s")
_MARKS: Final = {Sort.OLDEST: b"o", Sort.NAME: b"n", Sort.LARGEST: b"l"}
"""First byte of a cursor of each order but the newest first, whose cursors are those of earlier releases."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """The scenes to list; None stands for any.

    ``created_after`` is inclusive, ``created_before`` exclusive, ``q`` a case-insensitive part of the name or
    of a tag. ``model`` is a model's name, with its network or without.
    """

    sort: Sort = Sort.NEWEST
    after: tuple[Key, UUID] | None = None
    status: str | None = None
    priority: str | None = None
    tag: str | None = None
    favourite: bool | None = None
    model: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    q: str | None = None

    @property
    def ascending(self) -> bool:
        """Whether the smallest key comes first."""
        return self.sort in _ASCENDING

    @property
    def key(self) -> QueryString:
        """What the list is sorted by, before the id."""
        return _KEYS.get(self.sort) or QueryString("{}", SceneGeneration.created_at)

    def conditions(self) -> list[QueryString]:
        """Return what the listed scenes fulfil, beside being the account's."""
        scene = SceneGeneration
        found = []
        if self.after is not None:
            sign, cast = ">" if self.ascending else "<", _cast(self.sort)
            found.append(
                QueryString(f"({{}}, {{}}) {sign} ({{}}{cast}, {{}})", self.key, scene.id, *self.after)
            )
        for column, value in ((scene.status, self.status), (scene.priority, self.priority)):
            if value is not None:
                found.append(QueryString("{} = {}", column, value))
        if self.tag is not None:
            found.append(QueryString("{} @> {}::text[]", scene.tags, [self.tag]))
        if self.favourite is not None:
            found.append(QueryString("{} = {}", scene.favourite, self.favourite))
        if self.model is not None:
            made_by = QueryString("{} #>> {}::text[]", scene.metadata, ["model", "name"])
            found.append(
                QueryString("{} = ANY (ARRAY[{}, split_part({}, '/', 1)])", self.model, made_by, made_by)
            )
        if self.created_after is not None:
            found.append(QueryString("{} >= {}", scene.created_at, self.created_after))
        if self.created_before is not None:
            found.append(QueryString("{} < {}", scene.created_at, self.created_before))
        if self.q is not None:
            names = QueryString("concat_ws(' ', {}, nullif(array_to_string({}, ' '), ''))", _NAME, scene.tags)
            found.append(QueryString(f"position({_FOLDED} IN {_FOLDED}) > 0", self.q, names))
        return found


def _cast(sort: Sort) -> str:
    return {Sort.NAME: "::text", Sort.LARGEST: "::bigint"}.get(sort, "::timestamptz")


def encode(sort: Sort, key: Key, item_id: UUID) -> str:
    """Return the opaque cursor of a scene in this order."""
    match key:
        case datetime():
            plain = paging.encode(key, item_id)
            if sort is Sort.NEWEST:
                return plain
            body = base64.urlsafe_b64decode(plain)
        case str():
            body = item_id.bytes + key.encode()
        case _:
            body = _NUMBER.pack(key, item_id.bytes)
    return base64.urlsafe_b64encode(_MARKS[sort] + body).decode()


def decode(sort: Sort, cursor: str) -> tuple[Key, UUID]:
    """Return the sort key and the id that the cursor names. Raises `DomainError` cursor_invalid.

    A cursor of another order is invalid as well.
    """
    if sort is Sort.NEWEST:
        return paging.decode(cursor)
    try:
        raw = base64.b64decode(cursor, altchars=b"-_", validate=True)
        return _position(sort, raw[:1], raw[1:])
    except (ValueError, struct.error) as error:
        raise DomainError(
            "cursor_invalid", "Send back next_cursor as it came, with the same sort, or leave cursor out."
        ) from error


def _position(sort: Sort, mark: bytes, body: bytes) -> tuple[Key, UUID]:
    """Return what the bytes of a cursor say. Raises `ValueError`, `struct.error`, `DomainError`."""
    if mark != _MARKS[sort]:
        raise ValueError("a cursor of another order")
    if sort is Sort.OLDEST:
        return paging.decode(base64.urlsafe_b64encode(body).decode())
    if sort is Sort.LARGEST:
        size, item = _NUMBER.unpack(body)
        return int(size), UUID(bytes=item)
    name = body[16:].decode()
    if "\0" in name:
        raise ValueError("no name holds U+0000")
    return name, UUID(bytes=body[:16])
