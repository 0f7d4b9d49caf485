"""What its owner notes of a scene: its name, tags, and whether it is a favourite.

The tables of scenes are projections of events, which hold nothing personal: these columns are the gateway's
alone. They leave ``updated_at`` as it is, from which retention counts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from gateway import text
from gateway.errors import DomainError
from gateway.scenes import display_name

MOST_TAGS: Final = 20
"""Tags of one scene."""
LONGEST_TAG: Final = 40
"""Characters of a tag."""
LISTED: Final = 200
"""The most used tags of an account."""
# Once names of the scene's age were erased, a new one would be erased within minutes: it is refused.
_CHANGE: Final = """
UPDATE scene_generations SET
    metadata = CASE WHEN $3::text IS NULL THEN metadata WHEN $3 = '' THEN metadata - 'name'
                    ELSE metadata || jsonb_build_object('name', $3::text) END,
    tags = coalesce($4::text[], tags), favourite = coalesce($5::boolean, favourite)
WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL
  AND (name_erased_at IS NULL OR (coalesce($3::text, '') = '' AND coalesce($4::text[], '{}') = '{}'))
RETURNING id"""
_EXISTS: Final = "SELECT FROM scene_generations WHERE id = $1 AND user_id = $2 AND deleted_at IS NULL"
_TAGS: Final = """
SELECT tag, count(*) AS scenes FROM scene_generations s, unnest(s.tags) AS t (tag)
WHERE s.user_id = $1 AND s.deleted_at IS NULL AND s.tags <> '{}'
GROUP BY tag ORDER BY scenes DESC, tag LIMIT $2"""


@dataclass(frozen=True, kw_only=True, slots=True)
class NotesChange:
    """The new values; None leaves one as it is. An empty ``name`` gives the scene its first one back."""

    name: str | None = None
    tags: Sequence[str] | None = None
    favourite: bool | None = None


def name_of(given: str) -> str:
    """Return a name as it is stored. Raises `DomainError` validation_failed where none of it can be read."""
    cleaned = text.clean(given)
    if given.strip() and not cleaned:
        raise _invalid("name", "Nothing of this name can be read; use letters or figures.")
    return text.cut(cleaned, display_name.LONGEST)


def tags_of(given: Iterable[str]) -> list[str]:
    """Return tags as they are stored: one line each, lower case, without repeats, in the order given.

    Raises `DomainError` validation_failed for an empty or a long one, and for more than `MOST_TAGS`.
    """
    found: dict[str, None] = {}
    for each in given:
        tag = unicodedata.normalize("NFC", text.clean(each).lower())
        if not tag or len(tag) > LONGEST_TAG:
            raise _invalid("tags", f"A tag has 1 to {LONGEST_TAG} characters that can be read.")
        found[tag] = None
    if len(found) > MOST_TAGS:
        raise _invalid("tags", f"A scene has at most {MOST_TAGS} tags.")
    return list(found)


def _invalid(field: str, message: str) -> DomainError:
    return DomainError("validation_failed", message, fields=[{"field": field, "message": message}])


def name_erased() -> DomainError:
    """Return the error for a new name or tag of a scene whose time for those is over."""
    return DomainError(
        "name_erased",
        "Names and tags of scenes as old as this one are erased, as the account's retention says. Keep names"
        " longer to name it again.",
    )


class OwnerNotes:
    """Changes the owner's columns of ``scene_generations``."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def change(self, account_id: UUID, generation_id: UUID, change: NotesChange) -> None:
        """Change the account's scene in any state. Raises `DomainError` not_found, name_erased."""
        tags = None if change.tags is None else list(change.tags)
        values = change.name, tags, change.favourite
        if await self._pool.fetchval(_CHANGE, generation_id, account_id, *values) is None:
            if await self._pool.fetchrow(_EXISTS, generation_id, account_id) is None:
                raise DomainError("not_found", "You have no scene with this id.")
            raise name_erased()

    async def tags(self, account_id: UUID) -> list[tuple[str, int]]:
        """Return the account's tags and how many scenes have each, the most used first."""
        return [(row["tag"], row["scenes"]) for row in await self._pool.fetch(_TAGS, account_id, LISTED)]
