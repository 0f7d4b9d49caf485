"""Several results as one zip: a ticket that names the scenes, and the archive that is streamed for it.

Browsers download by an address, without credentials. The ticket is the address: signed with the pepper, good
for a quarter of an hour, nothing is stored. What may be packed is asked again when the archive is sent.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePosixPath
from typing import Final
from uuid import UUID

import asyncpg

from bus.blobs import Blobs
from gateway.accounts.key_hashing import ApiKeys
from gateway.errors import DomainError
from gateway.http import stored_zip
from gateway.http.stored_zip import Member
from gateway.scenes import display_name
from gateway.scenes.repository import key_of

RESULT: Final = "result"
"""Instead of an export's format: the splat itself, as it was made."""
MOST_BYTES: Final = 4 * 1024**3
MOST_BYTES_OF_ONE: Final = 1024**3
"""Of one file: far more than a splat has, and within the reach of 32 bits."""
LONGEST_S: Final = 3600
"""A reader that takes longer is cut off."""
AT_ONCE: Final = 8
"""Archives that one gateway sends at a time; each holds a connection to the store and 0.3 MiB."""
OF_ACCOUNT: Final = 2
GOOD_S: Final = 15 * 60
_HEAD: Final = struct.Struct(">Q16sB")
_SPLATS: Final = """
SELECT s.id, coalesce(s.metadata ->> 'name', s.metadata #>> '{client,name}') AS name, s.created_at AS made_at,
       s.generated_3d_gaussian_url AS url,
       coalesce((s.result_blob ->> 'bytes')::bigint, (s.metadata #>> '{result,bytes}')::bigint) AS size
FROM scene_generations s JOIN users u ON u.id = s.user_id
WHERE s.user_id = $1 AND s.id = ANY($2::uuid[]) AND s.deleted_at IS NULL AND u.is_active
  AND s.status = 'completed' AND s.result_erased_at IS NULL AND $3::text IS NOT NULL"""
_EXPORTS: Final = """
SELECT DISTINCT ON (s.id) s.id, coalesce(s.metadata ->> 'name', s.metadata #>> '{client,name}') AS name,
       j.created_at AS made_at, j.export_file_url AS url, j.stored_bytes AS size
FROM export_jobs j JOIN scene_generations s ON s.id = j.scene_generation_id JOIN users u ON u.id = s.user_id
WHERE s.user_id = $1 AND s.id = ANY($2::uuid[]) AND s.deleted_at IS NULL AND u.is_active
  AND j.export_format = $3 AND j.status = 'completed' AND j.erased_at IS NULL AND j.purpose IS NULL
  AND j.stored_bytes IS NOT NULL
ORDER BY s.id, j.created_at DESC, j.id DESC"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """An account's scenes to be packed in this format, as a ticket names them."""

    account_id: UUID
    format: str
    scenes: Sequence[UUID]


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """What an archive holds, in the order of the scenes asked for, and the scenes that it lacks."""

    members: Sequence[Member]
    missing: Sequence[UUID]


class Archives:
    """Finds what can be packed, signs tickets, and streams archives."""

    def __init__(self, pool: asyncpg.Pool, blobs: Blobs, signer: ApiKeys) -> None:
        self._pool, self._blobs, self._signer = pool, blobs, signer
        self._open: Counter[UUID] = Counter()

    async def contents(self, packed: Packed) -> Contents:
        """Return what there is. Raises `DomainError` nothing_to_pack, archive_too_large."""
        statement = _SPLATS if packed.format == RESULT else _EXPORTS
        rows = await self._pool.fetch(statement, packed.account_id, list(packed.scenes), packed.format)
        found = {row["id"]: row for row in rows if row["size"] is not None}
        if not found:
            raise DomainError(
                "nothing_to_pack",
                "None of these scenes has such a file: export them first, or choose completed scenes.",
            )
        sizes = [row["size"] for row in found.values()]
        if sum(sizes) > MOST_BYTES or max(sizes) > MOST_BYTES_OF_ONE:
            raise DomainError(
                "archive_too_large",
                f"An archive holds {MOST_BYTES // 1024**3} GiB at most; choose fewer scenes.",
                limit=MOST_BYTES,
            )
        ordered = [found[each] for each in packed.scenes if each in found]
        suffixes = [PurePosixPath(key_of(row["url"])).suffix for row in ordered]
        kind = "ply" if packed.format == RESULT else packed.format
        names = _unlike(
            display_name.file_name(row["name"], kind, suffix)
            for row, suffix in zip(ordered, suffixes, strict=True)
        )
        members = [
            Member(
                name=name,
                size=row["size"],
                made_at=row["made_at"],
                content=partial(self._blobs.stream, key_of(row["url"])),
            )
            for row, name in zip(ordered, names, strict=True)
        ]
        return Contents(members=members, missing=[each for each in packed.scenes if each not in found])

    def ticket(self, packed: Packed) -> tuple[str, datetime]:
        """Return a ticket and when it ends."""
        until = int(time.time()) + GOOD_S
        name = packed.format.encode()
        head = _HEAD.pack(until, packed.account_id.bytes, len(name)) + name
        body = base64.urlsafe_b64encode(head + b"".join(each.bytes for each in packed.scenes)).decode()
        return f"{body}.{self._signatures(body)[0]}", datetime.fromtimestamp(until, UTC)

    def read(self, ticket: str) -> Packed:
        """Return what a ticket names. Raises `DomainError` not_found for one that is no longer good."""
        body, _, signature = ticket.rpartition(".")
        # Text that is not ASCII can be neither compared nor signed.
        if not ticket.isascii() or not any(
            hmac.compare_digest(each, signature) for each in self._signatures(body)
        ):
            raise _no_ticket()
        raw = base64.urlsafe_b64decode(body)  # ours, as its signature says
        until, account, length = _HEAD.unpack_from(raw)
        if until < time.time():
            raise _no_ticket()
        ids = raw[_HEAD.size + length :]
        return Packed(
            account_id=UUID(bytes=account),
            format=raw[_HEAD.size : _HEAD.size + length].decode(),
            scenes=[UUID(bytes=ids[at : at + 16]) for at in range(0, len(ids), 16)],
        )

    def require_turn(self, account_id: UUID) -> None:
        """Raise `DomainError` busy where too many archives are being sent."""
        if self._open.total() >= AT_ONCE or self._open[account_id] >= OF_ACCOUNT:
            raise DomainError(
                "busy", "Too many archives are being sent; try again when one is done.", retry_after_s=10
            )

    async def stream(self, account_id: UUID, members: Sequence[Member]) -> AsyncIterator[bytes]:
        """Yield the archive; a file that is gone or cut breaks it off, and its length says so."""
        self._open[account_id] += 1
        try:
            async with asyncio.timeout(LONGEST_S):
                async for piece in stored_zip.stream(members):
                    yield piece
        finally:
            self._open[account_id] -= 1
            if not self._open[account_id]:
                del self._open[account_id]

    def _signatures(self, body: str) -> list[str]:
        return self._signer.derived(f"archive {body}")


def _unlike(names: Iterable[str]) -> list[str]:
    """Return the names with a number where one came before, in any case."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        path = PurePosixPath(name)
        made = name
        while seen[made.lower()]:
            seen[name.lower()] += 1
            made = f"{path.stem} ({seen[name.lower()]}){path.suffix}"
        seen[made.lower()] += 1
        found.append(made)
    return found


def _no_ticket() -> DomainError:
    return DomainError("not_found", "This link to an archive is no longer good; ask for a new one.")
